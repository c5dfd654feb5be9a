//! A replica that is made anew because the node that had it is lost: catch_up ──► completed, failed.
//!
//! The guardian begins it, in one transaction with the learner, and also ends what fails; so this procedure changes
//! nothing. It bounds how many copies are made at once, and shows operators how far each is and what became of it.

use common::procedure::{ProcedureError, ProcedureState};
use common::rpc::ErrorCode;
use common::types::{Gpid, Member, PeerId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Advance, Procedure, Work};
use crate::cluster::Cluster;
use crate::partition::Partition;

/// What is known of a copy that is made anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rebuild {
    /// What is made anew.
    pub gpid: Gpid,
    /// The node whose copy is missing.
    pub lost: PeerId,
    /// The new copy.
    pub target: Member,
    /// Bytes that it fetched, as of its end.
    pub bytes_done: u64,
}

impl Rebuild {
    /// The name of its only step.
    pub(super) const STEP: &'static str = "catch_up";
}

impl Cluster {
    /// How many copies are being made anew.
    #[must_use]
    pub fn rebuilds(&self) -> usize {
        self.open_procedures().filter(|procedure| matches!(procedure.work, Work::Rebuild(_))).count()
    }

    /// The record of a copy that `next` has made anew on a node in the place of one that is missing in the present
    /// configuration; to be stored with `next`.
    #[must_use]
    pub fn rebuild(&self, next: &Partition, on: PeerId, id: Uuid, now_ms: u64) -> Option<Procedure> {
        let gpid = next.config.gpid;
        let lost = self.partition(gpid)?.missing_nodes().next()?;
        let rebuild = Rebuild { gpid, lost, target: next.config.copy_on(on)?, bytes_done: 0 };
        Some(Procedure::begun(id, Work::Rebuild(rebuild), None, now_ms))
    }
}

/// Over once the new copy is a member, or is no copy any more.
pub(super) fn advance(cluster: &Cluster, procedure: &Procedure, rebuild: &Rebuild, now_ms: u64) -> Advance {
    let Some(config) = cluster.config(rebuild.gpid) else { return Advance::default() };
    let is_it = |member: Member| member == rebuild.target;
    let (state, error) = if config.members().any(is_it) {
        (ProcedureState::Completed, None)
    } else if config.copies().any(is_it) && cluster.is_live(rebuild.gpid.table_id) {
        return Advance::default();
    } else {
        let message = format!("the copy on node {} was given up before it had caught up", rebuild.target.peer);
        (ProcedureState::Failed, Some(ProcedureError { code: ErrorCode::NotMember, message }))
    };
    let fetched = cluster.learned_bytes(&procedure.work).map_or(rebuild.bytes_done, |(done, _)| done);
    let work = Work::Rebuild(Rebuild { bytes_done: fetched, ..rebuild.clone() });
    let ended = Procedure { work, error, ..procedure.ended(state, now_ms) };
    Advance { records: vec![ended.into()], ask: None }
}
