//! One data directory: its tag, path, identity, lock and state.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use common::rpc::node_admin::DiskStatus;
use parking_lot::Mutex;
use rustix::fs::{FlockOperation, flock};
use uuid::Uuid;

use super::health::{Health, Space, SpaceLimits};
use super::identity::Identity;
use super::set::{ChosenDisk, DiskSet, KnownDisk};

/// A data directory.
#[derive(Debug)]
pub struct DataDir {
    tag: String,
    path: PathBuf,
    uuid: Uuid,
    added: bool,
    draining: AtomicBool,
    /// It is about to be removed.
    leaving: AtomicBool,
    health: Mutex<Health>,
    /// Held while the directory is one of the node's; `None` for a disk that could not be opened.
    _lock: Option<File>,
}

impl DataDir {
    pub(super) fn opened(chosen: &ChosenDisk, uuid: Uuid, lock: File) -> Self {
        Self::new(chosen, uuid, Health::new(), Some(lock))
    }

    pub(super) fn failed(chosen: &ChosenDisk, uuid: Uuid, reason: String) -> Self {
        Self::new(chosen, uuid, Health::failed(reason), None)
    }

    fn new(chosen: &ChosenDisk, uuid: Uuid, health: Health, lock: Option<File>) -> Self {
        let ChosenDisk { tag, path, added } = chosen.clone();
        let (draining, leaving) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { tag, path, uuid, added, draining, leaving, health: Mutex::new(health), _lock: lock }
    }

    /// As the node remembers it.
    pub(super) fn known(&self) -> KnownDisk {
        let (tag, path) = (self.tag.clone(), Some(self.path.clone()));
        KnownDisk { tag, disk: self.uuid, path, draining: self.is_draining(), added: self.added }
    }

    /// What its identity file is to say.
    pub(super) fn identity(&self, cluster: Option<Uuid>, set: DiskSet) -> Identity {
        Identity { cluster, disk: self.uuid, tag: self.tag.clone(), set }
    }

    /// Its tag.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its identity; nil if it could not be read and no other disk remembers it.
    #[must_use]
    pub const fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// Whether it was added while the server ran, and the configuration does not name it.
    #[must_use]
    pub const fn is_added(&self) -> bool {
        self.added
    }

    /// Whether its replicas are to leave it.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Whether replicas may come to it, its status apart.
    #[must_use]
    pub fn takes_replicas(&self) -> bool {
        !self.is_draining() && !self.leaving.load(Ordering::Relaxed)
    }

    pub(super) fn set_draining(&self, draining: bool) {
        self.draining.store(draining, Ordering::Relaxed);
    }

    pub(super) fn set_leaving(&self, leaving: bool) {
        self.leaving.store(leaving, Ordering::Relaxed);
    }

    /// Its status now.
    #[must_use]
    pub fn status(&self) -> DiskStatus {
        self.health.lock().status
    }

    /// Why it is not NORMAL.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        self.health.lock().reason.clone()
    }

    /// Its space when it was last asked for.
    #[must_use]
    pub fn space(&self) -> Space {
        self.health.lock().space
    }

    /// Whether it can be read and written at all.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.status() != DiskStatus::IoError
    }

    /// Gives the disk up until the process is restarted: an fsync or a read of it failed.
    pub fn fail(&self, reason: impl Into<String>) {
        let reason = reason.into();
        if self.is_usable() {
            tracing::error!(disk = %self.tag, path = %self.path.display(), %reason, "disk failed: IO_ERROR");
        }
        self.health.lock().fail(reason);
    }

    /// Draws the consequence of an error that a write to this disk gave.
    pub fn note(&self, error: &io::Error) {
        let kind = error.kind();
        if matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            self.health.lock().out_of_space();
        } else if !matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists) {
            // Those two are of the names, not of the disk.
            self.fail(error.to_string());
        }
    }

    pub(super) fn measured(&self, space: io::Result<Space>, limits: &SpaceLimits) {
        let before = self.status();
        self.health.lock().measured(space, limits);
        let after = self.status();
        if before != after {
            tracing::warn!(disk = %self.tag, reason = self.reason(), ?before, ?after, "disk status changed");
        }
    }
}

/// Takes the lock of a data directory without writing into it: on the directory itself.
///
/// # Errors
/// Any I/O error; `WouldBlock` if another process has it.
pub(super) fn lock(path: &Path) -> io::Result<File> {
    let dir = File::open(path)?;
    flock(&dir, FlockOperation::NonBlockingLockExclusive)?;
    Ok(dir)
}
