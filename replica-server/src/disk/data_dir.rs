//! One data directory: its tag, path, identity, lock and state.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use common::rpc::node_admin::DiskStatus;
use parking_lot::Mutex;
use rustix::fs::{FlockOperation, flock};
use uuid::Uuid;

use super::health::{Health, Space, SpaceLimits};

/// A data directory.
#[derive(Debug)]
pub struct DataDir {
    tag: String,
    path: PathBuf,
    uuid: Uuid,
    health: Mutex<Health>,
    /// Held while the process lives; `None` for a disk that could not be opened.
    _lock: Option<File>,
}

impl DataDir {
    pub(super) fn opened(tag: &str, path: &Path, uuid: Uuid, lock: File) -> Self {
        let (tag, path) = (tag.to_owned(), path.to_owned());
        Self { tag, path, uuid, health: Mutex::new(Health::new()), _lock: Some(lock) }
    }

    pub(super) fn failed(tag: &str, path: &Path, uuid: Uuid, reason: String) -> Self {
        let (tag, path) = (tag.to_owned(), path.to_owned());
        Self { tag, path, uuid, health: Mutex::new(Health::failed(reason)), _lock: None }
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
