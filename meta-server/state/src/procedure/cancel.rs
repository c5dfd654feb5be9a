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
        let why = match &procedure.work {
            Work::RegionMigration(migration) => migration.cannot_turn_back(self),
            Work::Rebuild(_) => Some("the partition lacks this copy; maintenance mode keeps new ones away".to_owned()),
        };
        if let Some(why) = why {
            return Err(WireError::new(ErrorCode::NotCancellable, why, "let it end, then move the replica back"));
        }
        Ok(Procedure { cancel: true, updated_at_ms: now.wall_ms, ..procedure.clone() })
    }
}

/// No procedure has this id.
#[must_use]
pub fn unknown_procedure(id: Uuid) -> WireError {
    let hint = "admin-cli jobs lists them; those that ended are kept for 7 days";
    WireError::new(ErrorCode::UnknownJob, format!("there is no procedure {id}"), hint)
}
