//! `.replica-info`: what a replica directory is. Written durably before anything is acknowledged under it.

use std::io;
use std::path::Path;

use common::fault::{self, Point};
use common::fs::{CheckedError, read_checked, write_checked};
use common::types::{Ballot, Gpid, Incarnation};
use replica_state::recover::Info;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::layout;

const KIND: &str = "replica-info";
const VERSION: u32 = 1;

/// What a replica directory is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaInfo {
    /// Which partition.
    pub gpid: Gpid,
    /// Which copy (rule INCARNATION).
    pub incarnation: Incarnation,
    /// The highest ballot under which it acknowledged anything (rule DECREES).
    pub ballot: Ballot,
    /// The disk move that made it, or for which it was closed as the source.
    pub job: Option<Uuid>,
    /// The disk it belongs on.
    pub disk: Uuid,
}

impl ReplicaInfo {
    /// The info of a copy that no disk move made.
    #[must_use]
    pub const fn new(gpid: Gpid, incarnation: Incarnation, ballot: Ballot, disk: Uuid) -> Self {
        Self { gpid, incarnation, ballot, job: None, disk }
    }

    /// The directory becomes another copy: it learned, or goes back to the partition, under a new incarnation. What a
    /// disk move said of it holds no longer.
    pub fn adopt(&mut self, incarnation: Incarnation, ballot: Ballot) {
        assert!(incarnation >= self.incarnation, "{}: incarnation falls from {}", self.gpid, self.incarnation);
        *self = Self { incarnation, ballot: self.ballot.max(ballot), job: None, ..*self };
    }

    /// Reads it from a replica directory.
    ///
    /// # Errors
    /// [`CheckedError`].
    pub fn read(replica: &Path) -> Result<Self, CheckedError> {
        read_checked(&layout::info_file(replica), KIND, VERSION)
    }

    /// Writes it, durably.
    ///
    /// # Errors
    /// Any I/O error; the old info then still stands.
    pub fn write(&self, replica: &Path) -> io::Result<()> {
        let path = layout::info_file(replica);
        fault::pass(Point::InfoWrite, &path)?;
        write_checked(&path, KIND, VERSION, self)
    }

    /// The part of it that start-up decides by.
    #[must_use]
    pub const fn for_recovery(&self) -> Info {
        let Self { gpid, incarnation, ballot, job, disk } = *self;
        Info { gpid, incarnation, ballot, job, disk }
    }
}

#[cfg(test)]
mod tests {
    use common::fault::Action;

    use super::*;

    fn info() -> ReplicaInfo {
        ReplicaInfo::new(Gpid::new(1, 2), Incarnation(3), Ballot(4), Uuid::from_u128(5))
    }

    #[test]
    fn a_failed_write_leaves_the_old_info() {
        let dir = tempfile::tempdir().unwrap();
        info().write(dir.path()).unwrap();
        let own = dir.path().to_string_lossy().into_owned();
        fault::arm(Point::InfoWrite, Action::Error, 1, &own);
        assert!(ReplicaInfo { ballot: Ballot(9), ..info() }.write(dir.path()).is_err());
        fault::disarm(&own);
        assert_eq!(ReplicaInfo::read(dir.path()).unwrap(), info());
    }

    #[test]
    fn an_adopted_copy_forgets_the_move_and_never_loses_its_ballot() {
        let mut info = ReplicaInfo { job: Some(Uuid::from_u128(1)), ..info() };
        info.adopt(Incarnation(8), Ballot(2));
        assert_eq!((info.incarnation, info.ballot, info.job), (Incarnation(8), Ballot(4), None));
    }
}
