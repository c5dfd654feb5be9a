//! `maintenance`: while it is on, copies of nodes that are away are not made anew.

use clap::{Args, ValueEnum};
use common::rpc::WireResult;
use common::rpc::meta_admin::Maintenance as State;
use serde::Serialize;

use crate::context::Context;
use crate::output::Output;
use crate::time::rfc3339;

/// `maintenance`.
#[derive(Args, Clone, Debug)]
pub struct Maintenance {
    /// Switch it; without this it is shown
    switch: Option<Switch>,
}

/// What to do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Switch {
    /// Copies of nodes that are away are not made anew
    On,
    /// They are, after replica_lost_delay
    Off,
}

#[derive(Serialize)]
struct View {
    maintenance: bool,
    since: Option<String>,
}

impl Maintenance {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        let state = match self.switch {
            None => context.meta(async |meta, deadline| meta.maintenance(deadline).await).await?,
            Some(switch) => {
                let on = switch == Switch::On;
                context.meta(async move |meta, deadline| meta.set_maintenance(deadline, on).await).await?
            }
        };
        Ok(output(state))
    }
}

fn output(state: State) -> Output {
    let since = state.since_ms.map(rfc3339);
    let text = since.as_ref().map_or_else(|| "off".to_owned(), |since| format!("on since {since}"));
    Output::new(&View { maintenance: since.is_some(), since }, text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_is_shown_with_its_beginning_or_as_off() {
        let on = output(State { since_ms: Some(0) });
        assert_eq!(on.json, json!({"maintenance": true, "since": "1970-01-01T00:00:00.000Z"}));
        assert_eq!(on.text, "on since 1970-01-01T00:00:00.000Z");
        assert_eq!(output(State { since_ms: None }).json, json!({"maintenance": false, "since": null}));
    }
}
