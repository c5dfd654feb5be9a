//! What stands on a disk beside its replicas: for plans, which know that it goes after its time.

use std::fs;
use std::path::Path;

use super::DiskManager;

impl DiskManager {
    /// Number of the file system that a disk lies in; 0 if it does not answer, and its state says so soon.
    #[must_use]
    pub fn file_system(&self, tag: &str) -> u64 {
        let device = |disk: std::sync::Arc<super::DataDir>| rustix::fs::stat(disk.path()).map(|stat| stat.st_dev);
        self.disk(tag).and_then(|disk| device(disk).ok()).unwrap_or(0)
    }

    /// Bytes of the directories on a disk that were set aside or are left over. Blocks.
    #[must_use]
    pub fn set_aside_bytes(&self, tag: &str) -> u64 {
        self.trash().iter().filter(|trash| trash.disk == tag).map(|trash| tree_bytes(&trash.path)).sum()
    }
}

/// Bytes of all files below a directory; what goes away meanwhile counts nothing.
fn tree_bytes(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let bytes = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => tree_bytes(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.map(bytes).sum()
}
