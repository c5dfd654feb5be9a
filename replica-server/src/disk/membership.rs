//! How the set of a node's disks changes while it runs: written down first, then in force.

use std::io;

use common::rpc::{ErrorCode, WireError};

use super::open;
use super::{DiskManager, DiskSet};

/// Why the set of disks does not change. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum DiskSetError {
    /// There is none of that tag.
    #[error("this node has no disk {0}")]
    Unknown(String, Vec<String>),
    /// It was never known: it failed before the node had it.
    #[error("{0} was never usable, so there is nothing that could be marked")]
    NeverKnown(String),
    /// The record cannot be written.
    #[error("the record of this node's disks cannot be written to {0}: {1}")]
    Record(String, io::Error),
}

impl DiskManager {
    /// Marks a disk as draining, or takes the mark away. Durable when this returns. Blocks.
    ///
    /// # Errors
    /// [`DiskSetError`].
    pub fn set_draining(&self, tag: &str, draining: bool) -> Result<(), DiskSetError> {
        let disk = self.disk(tag).ok_or_else(|| self.unknown(tag))?;
        self.change_set(|set| {
            let known = set.disks.iter_mut().find(|known| known.disk == disk.uuid());
            known.ok_or_else(|| DiskSetError::NeverKnown(tag.to_owned()))?.draining = draining;
            Ok(())
        })?;
        disk.set_draining(draining);
        tracing::info!(disk = tag, draining, "draining mark");
        Ok(())
    }

    /// Changes what is remembered, durably: in `home` first, whose word counts, then on the disks.
    pub(super) fn change_set(
        &self,
        change: impl FnOnce(&mut DiskSet) -> Result<(), DiskSetError>,
    ) -> Result<(), DiskSetError> {
        let mut set = self.set.lock();
        let mut next = set.clone();
        change(&mut next)?;
        let next = next.after(&set);
        let record = |error| DiskSetError::Record(self.home.display().to_string(), error);
        next.write(&self.home).map_err(record)?;
        open::write_identities(&self.disks(), &next, self.cluster());
        *set = next;
        Ok(())
    }

    pub(super) fn unknown(&self, tag: &str) -> DiskSetError {
        DiskSetError::Unknown(tag.to_owned(), self.disks().iter().map(|disk| disk.tag().to_owned()).collect())
    }
}

impl DiskSetError {
    /// As another process sees it.
    #[must_use]
    pub fn to_wire(&self) -> WireError {
        let (code, hint) = match self {
            Self::Unknown(_, tags) => (ErrorCode::UnknownDisk, format!("this node has {}", tags.join(", "))),
            Self::NeverKnown(_) => {
                (ErrorCode::DiskIoError, "see disk-capacity for what is wrong with it, and the server's log".to_owned())
            }
            Self::Record(..) => (ErrorCode::DiskIoError, "check the disk that holds `home`".to_owned()),
        };
        WireError::new(code, self.to_string(), hint)
    }
}
