//! How the set of a node's disks changes while it runs: written down first, then in force.

use std::sync::Arc;

use super::data_dir::DataDir;
use super::set_error::DiskSetError;
use super::{DiskManager, DiskSet, record};

impl DiskManager {
    /// Marks a disk as draining, or takes the mark away. Durable when this returns. Blocks.
    ///
    /// # Errors
    /// [`DiskSetError`].
    pub fn set_draining(&self, tag: &str, draining: bool) -> Result<(), DiskSetError> {
        let disk = self.disk(tag).ok_or_else(|| self.unknown(tag))?;
        self.change_set(&self.disks(), |set| {
            let known = set.disks.iter_mut().find(|known| known.disk == disk.uuid());
            known.ok_or_else(|| DiskSetError::NeverKnown(tag.to_owned()))?.draining = draining;
            Ok(())
        })?;
        disk.set_draining(draining);
        tracing::info!(disk = tag, draining, "draining mark");
        Ok(())
    }

    /// Changes what is remembered, durably: in `home` first, whose word counts, then on these disks.
    pub(super) fn change_set(
        &self,
        disks: &[Arc<DataDir>],
        change: impl FnOnce(&mut DiskSet) -> Result<(), DiskSetError>,
    ) -> Result<(), DiskSetError> {
        let mut set = self.set.lock();
        let mut next = set.clone();
        change(&mut next)?;
        let next = next.after(&set);
        let unwritten = |error| DiskSetError::Record(self.home.display().to_string(), error);
        next.write(&self.home).map_err(unwritten)?;
        record::write_identities(disks, &next, self.cluster());
        *set = next;
        Ok(())
    }

    pub(super) fn unknown(&self, tag: &str) -> DiskSetError {
        DiskSetError::Unknown(tag.to_owned(), self.disks().iter().map(|disk| disk.tag().to_owned()).collect())
    }
}
