//! Stopping a procedure that can still turn back.

use common::rpc::{ErrorCode, WireError};
use common::types::Now;
use uuid::Uuid;

use super::{Procedure, Work};
use crate::cluster::Cluster;

impl Cluster {
    /// The procedure with the wish to stop in it, to be stored; it ends by itself.
    ///
    /// # Errors
    /// `UnknownJob`, `JobEnded`, or `NotCancellable` past the point of no return.
    pub fn cancel_procedure(&self, id: Uuid, now: Now) -> Result<Procedure, WireError> {
        let procedure = self.procedure(id).ok_or_else(|| unknown_procedure(id))?;
        if procedure.state.has_ended() {
            return Err(WireError::new(
                ErrorCode::JobEnded,
                format!("procedure {id} is over: {}", procedure.state),
                "admin-cli job ID shows how it ended",
            ));
        }
        if let Some((why, hint)) = self.cannot_turn_back(&procedure.work) {
            return Err(WireError::new(ErrorCode::NotCancellable, why, hint));
        }
        Ok(Procedure { cancel: true, updated_at_ms: now.wall_ms, ..procedure.clone() })
    }

    /// Why it can only go on, and what to do instead; `None`: it can be cancelled.
    fn cannot_turn_back(&self, work: &Work) -> Option<(String, String)> {
        let move_back = |why| (why, "let it end, then move the replica back".to_owned());
        match work {
            Work::RegionMigration(migration) => migration.cannot_turn_back(self).map(move_back),
            Work::Rebuild(_) => {
                Some(move_back("the partition lacks this copy; maintenance mode keeps new ones away".to_owned()))
            }
            Work::CreateTable(create) => create.cannot_turn_back(self),
            Work::DropTable(drop) => Some((
                format!("table '{}' was gone before this procedure began", self.table_name(drop.table)),
                "its copies are set aside on their nodes, and kept there for a while: admin-cli disk-gc".to_owned(),
            )),
        }
    }
}

/// No procedure has this id.
#[must_use]
pub fn unknown_procedure(id: Uuid) -> WireError {
    let hint = "admin-cli jobs lists them; those that ended are kept for 7 days";
    WireError::new(ErrorCode::UnknownJob, format!("there is no procedure {id}"), hint)
}
