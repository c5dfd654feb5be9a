//! Maintenance mode, for both doors.

use common::rpc::WireResult;
use common::rpc::meta_admin::Maintenance;

use crate::owner::{Handle, Owner};

/// Whether it is on.
pub(crate) async fn maintenance(owner: &Handle) -> WireResult<Maintenance> {
    owner.ask(|owner| Ok(state(owner))).await
}

/// Switches it; durable when this answers.
pub(crate) async fn set_maintenance(owner: &Handle, on: bool) -> WireResult<Maintenance> {
    let run = move |owner: &mut Owner| {
        let record = owner.cluster().set_maintenance(on, owner.now());
        if record.is_some() {
            tracing::warn!(on, "an operator switches maintenance mode");
        }
        owner.commit(record.into_iter().collect())?;
        Ok(state(owner))
    };
    owner.ask(run).await
}

fn state(owner: &Owner) -> Maintenance {
    Maintenance { since_ms: owner.cluster().identity().maintenance_since_ms }
}
