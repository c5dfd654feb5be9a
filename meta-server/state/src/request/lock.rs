//! Partition locks: one job or procedure at a time has a partition for itself (rule MOVES).
//!
//! A job's lock outlives its last call if that call is lost, so it also ends with the job's reported end, with the node
//! that runs the job, and if the job was never reported at all. A procedure's lock is given back in the transaction that
//! ends its claim, and until then it counts.

use std::time::Duration;

use common::job::Job;
use common::rpc::{ErrorCode, WireError};
use common::types::{Gpid, Now};
use uuid::Uuid;

use crate::cluster::Cluster;
use crate::partition::Lock;
use crate::record::Record;

/// A job whose node is silent for so long has no lock any more. Its later steps are compare-and-set all the same.
const HOLDER_LOST: Duration = Duration::from_secs(60);
/// A job that no heartbeat ever reported has no lock any more after so many milliseconds: 10 minutes.
const UNREPORTED_MS: u64 = 600_000;

impl Cluster {
    /// Locks a partition for a job; nothing to store if that job has it already.
    ///
    /// # Errors
    /// `PartitionBusy` while another job has it, `UnknownPartition`, `UnknownTable` after a drop.
    pub fn lock(&self, gpid: Gpid, job: Uuid, now: Now) -> Result<Option<Record>, WireError> {
        let partition = self.known(gpid)?;
        if !self.is_live(gpid.table_id) {
            return Err(WireError::new(
                ErrorCode::UnknownTable,
                format!("the table of partition {gpid} was dropped"),
                "nothing is left to move",
            ));
        }
        match partition.lock {
            Some(lock) if lock.job == job => Ok(None),
            Some(lock) if self.is_held(lock, now) => Err(WireError::new(
                ErrorCode::PartitionBusy,
                format!("partition {gpid} is locked by job {}", lock.job),
                "wait for that job, or cancel it",
            )),
            Some(_) | None => {
                let mut locked = partition.clone();
                locked.lock = Some(Lock { job, taken_at_ms: now.wall_ms });
                Ok(Some(locked.into()))
            }
        }
    }

    /// Gives a lock back; nothing to store if the job does not have it.
    ///
    /// # Errors
    /// `UnknownPartition`.
    pub fn unlock(&self, gpid: Gpid, job: Uuid) -> Result<Option<Record>, WireError> {
        let partition = self.known(gpid)?;
        Ok(partition.lock.filter(|lock| lock.job == job).map(|_| {
            let mut free = partition.clone();
            free.lock = None;
            free.into()
        }))
    }

    /// Whether a lock still counts.
    #[must_use]
    pub fn is_held(&self, lock: Lock, now: Now) -> bool {
        if let Some(procedure) = self.procedure(lock.job) {
            return !procedure.state.has_ended();
        }
        match self.job(lock.job) {
            Some(job) => job.is_running() && self.silent_for(job.node, now.mono) < HOLDER_LOST,
            None => now.wall_ms < lock.taken_at_ms.saturating_add(UNREPORTED_MS),
        }
    }

    /// Whether a job or procedure is known to have ended.
    pub(crate) fn has_ended(&self, holder: Uuid) -> bool {
        let procedure = self.procedure(holder).map(|procedure| procedure.state.has_ended());
        procedure.unwrap_or_else(|| self.job(holder).is_some_and(|job| !job.is_running()))
    }

    /// A job that a node reported.
    pub(crate) fn job(&self, id: Uuid) -> Option<&Job> {
        self.jobs.iter().rev().find(|(key, _)| key.id == id).map(|(_, job)| job)
    }
}
