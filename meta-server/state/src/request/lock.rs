//! Partition locks: one job at a time has a partition for itself (rule MOVES).

use common::rpc::{ErrorCode, WireError};
use common::types::Gpid;
use uuid::Uuid;

use crate::cluster::Cluster;
use crate::record::Record;

impl Cluster {
    /// Locks a partition for a job; nothing to store if that job has it already.
    ///
    /// # Errors
    /// `PartitionBusy` while another job has it, `UnknownPartition`, `UnknownTable` after a drop.
    pub fn lock(&self, gpid: Gpid, job: Uuid) -> Result<Option<Record>, WireError> {
        let partition = self.known(gpid)?;
        if !self.is_live(gpid.table_id) {
            return Err(WireError::new(
                ErrorCode::UnknownTable,
                format!("the table of partition {gpid} was dropped"),
                "nothing is left to move",
            ));
        }
        match partition.lock {
            Some(holder) if holder == job => Ok(None),
            Some(holder) if self.holds_still(holder) => Err(WireError::new(
                ErrorCode::PartitionBusy,
                format!("partition {gpid} is locked by job {holder}"),
                "wait for that job, or cancel it",
            )),
            Some(_) | None => {
                let mut locked = partition.clone();
                locked.lock = Some(job);
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
        Ok((partition.lock == Some(job)).then(|| {
            let mut free = partition.clone();
            free.lock = None;
            free.into()
        }))
    }

    /// Whether a job that took a lock still needs it: one whose end was reported does not, even if its last call was lost.
    #[must_use]
    pub fn holds_still(&self, job: Uuid) -> bool {
        self.jobs.iter().rev().find(|(key, _)| key.id == job).is_none_or(|(_, job)| job.is_running())
    }
}
