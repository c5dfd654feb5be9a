//! Begins the migrations that drained nodes need.

use common::rpc::WireResult;
use meta_state::policy::node_drains;
use uuid::Uuid;

use super::runner::store;
use crate::owner::Owner;

pub(super) fn begin(owner: &mut Owner) -> WireResult<()> {
    for request in node_drains(owner.cluster(), owner.guardian_options(), owner.now()) {
        match owner.cluster().migrate_region(&request, Uuid::new_v4(), owner.now()) {
            Ok((procedure, records)) => {
                tracing::info!(procedure = %procedure.id, ?request, "a replica leaves a node that is drained");
                store(owner, procedure.work.step(), records)?;
            }
            // It is looked for again in the next round.
            Err(error) => tracing::debug!(?request, %error, "a replica cannot leave yet"),
        }
    }
    Ok(())
}
