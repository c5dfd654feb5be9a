//! Why a storage could not do what it was asked.

use std::path::{Path, PathBuf};

use common::rpc::{ErrorCode, WireError};

/// Why a storage could not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    /// It was closed, or is about to be.
    #[error("the storage at {0} is closed; the replica must be opened again")]
    Closed(PathBuf),
    /// Somebody still used it when the deadline came; it stays open.
    #[error("the storage at {0} is still in use; try to close it again")]
    InUse(PathBuf),
    /// What was waited for did not come in time.
    #[error("{what} at {dir} took too long; try again")]
    TimedOut {
        /// What was waited for.
        what: &'static str,
        /// Where.
        dir: PathBuf,
    },
    /// The disk is full. Nothing that was asked for is done, and what is in memory stays readable. RocksDB does not
    /// recover: once there is space, call [`super::Storage::reopen`].
    #[error("no space left for {dir}: {cause}; free space on the disk")]
    NoSpace {
        /// Where.
        dir: PathBuf,
        /// RocksDB's words.
        cause: String,
    },
    /// Stored bytes are damaged, or not of Godwit's form.
    #[error("damaged data in {dir}: {cause}; the replica must be learned again from another")]
    Corruption {
        /// Where.
        dir: PathBuf,
        /// RocksDB's words.
        cause: String,
    },
    /// Anything else that RocksDB or the file system reports.
    #[error("storage failure in {dir}: {cause}; check the disk")]
    Io {
        /// Where.
        dir: PathBuf,
        /// The words of RocksDB or of the system.
        cause: String,
    },
}

impl StorageError {
    pub(super) fn io(dir: &Path, error: &std::io::Error) -> Self {
        let (dir, cause) = (dir.to_owned(), error.to_string());
        if error.kind() == std::io::ErrorKind::StorageFull {
            return Self::NoSpace { dir, cause };
        }
        Self::Io { dir, cause }
    }

    pub(super) fn corruption(dir: &Path, cause: impl Into<String>) -> Self {
        Self::Corruption { dir: dir.to_owned(), cause: cause.into() }
    }

    /// Whether it is the disk that fails, and not only this replica or a lack of space.
    #[must_use]
    pub const fn is_disk_failure(&self) -> bool {
        matches!(self, Self::Io { .. })
    }

    /// As another process sees it.
    #[must_use]
    pub fn to_wire(&self) -> WireError {
        let (code, hint) = match self {
            Self::Closed(_) | Self::InUse(_) => (ErrorCode::NotReady, "try again after a pause"),
            Self::TimedOut { .. } => (ErrorCode::Timeout, "try again"),
            Self::NoSpace { .. } => {
                (ErrorCode::DiskSpaceInsufficient, "free space on the disk, or move replicas off it")
            }
            Self::Corruption { .. } => {
                (ErrorCode::Corruption, "the replica is cured from another; see `app <table> -d`")
            }
            Self::Io { .. } => (ErrorCode::DiskIoError, "check the disk; see `disk-capacity`"),
        };
        WireError::new(code, self.to_string(), hint)
    }
}
