//! `region-migrate`: moves a replica to another node and, with `--wait`, watches it to its end.

use std::time::Duration;

use clap::Args;
use common::procedure::MigrateRegion;
use common::rpc::WireResult;
use common::types::Gpid;

use super::watch_procedure::completed;
use crate::args::NodeName;
use crate::context::Context;
use crate::output::Output;
use crate::view::{AddressBook, OneProcedure, ProcedureView};

const HELP: &str = "\
The target learns while writes go on, becomes a member, leads if the source did, and then the source leaves;
its directory is set aside. Up to the moment when the target is a member a failure or job-cancel leaves
everything as it was. Where the target is a member already only the primary moves.";

/// `region-migrate`.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = HELP)]
pub struct RegionMigrate {
    /// The partition whose replica moves, for example 1.3
    #[arg(short, long)]
    gpid: Gpid,
    /// The node that it leaves, as host:port or peer id
    #[arg(long, value_name = "NODE")]
    from: NodeName,
    /// The node that it goes to, as host:port or peer id
    #[arg(long, value_name = "NODE")]
    to: NodeName,
    /// How long the new copy may take to catch up; past it everything is as it was
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = humantime::parse_duration)]
    replay_timeout: Duration,
    /// Watch it to its end; fails if the migration fails
    #[arg(long)]
    wait: bool,
}

impl RegionMigrate {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        let (from, to) = (context.find_node(&self.from).await?.peer_id, context.find_node(&self.to).await?.peer_id);
        let replay_timeout_ms = u64::try_from(self.replay_timeout.as_millis()).unwrap_or(u64::MAX);
        let request = MigrateRegion { gpid: self.gpid, from, to, replay_timeout_ms };
        let started = context.meta(async |meta, deadline| meta.migrate_region(deadline, request).await).await?;
        let info = if self.wait { completed(context, started).await? } else { started };
        let book = AddressBook::new(context.cluster().await?.nodes.into_iter().map(|n| (n.peer_id, n.address)));
        let view = ProcedureView::new(&info, &book);
        let text = if info.state.has_ended() { view.text(&info) } else { started_text(&view) };
        Ok(Output::new(&OneProcedure { procedure: view }, text))
    }
}

fn started_text(view: &ProcedureView) -> String {
    let name = |what: &Option<String>| what.clone().unwrap_or_default();
    let (id, gpid) = (view.id, name(&view.gpid));
    format!("job {id} moves {gpid} from {} to {}\nwatch it with: job {id}", name(&view.from), name(&view.to))
}
