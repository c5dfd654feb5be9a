//! The logs of the node's disks, which come and go with them.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::log::{DiskLog, LogOptions, Recovery};

/// The log of a disk, and what its recovery found.
pub(crate) struct OpenLog {
    pub(crate) log: DiskLog,
    pub(crate) recovery: Recovery,
}

/// One log per disk that could be opened, by tag.
pub(crate) struct Logs {
    open: RwLock<BTreeMap<String, Arc<OpenLog>>>,
    /// How the log of one more disk is opened, its directory apart.
    options: LogOptions,
}

impl Logs {
    pub(crate) fn new(open: BTreeMap<String, OpenLog>, options: LogOptions) -> Self {
        let open = open.into_iter().map(|(disk, open)| (disk, Arc::new(open))).collect();
        Self { open: RwLock::new(open), options }
    }

    /// The options of a log in `dir`.
    pub(crate) fn options(&self, dir: std::path::PathBuf) -> LogOptions {
        LogOptions { dir, ..self.options.clone() }
    }

    pub(crate) fn get(&self, disk: &str) -> Option<Arc<OpenLog>> {
        self.open.read().get(disk).map(Arc::clone)
    }

    /// All of them, in order of tag.
    pub(crate) fn all(&self) -> Vec<(String, Arc<OpenLog>)> {
        self.open.read().iter().map(|(disk, open)| (disk.clone(), Arc::clone(open))).collect()
    }

    pub(crate) fn insert(&self, disk: &str, open: Arc<OpenLog>) {
        self.open.write().insert(disk.to_owned(), open);
    }

    pub(crate) fn remove(&self, disk: &str) -> Option<Arc<OpenLog>> {
        self.open.write().remove(disk)
    }
}
