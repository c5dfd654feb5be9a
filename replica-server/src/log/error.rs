//! Why the log could not do what it was asked.

use std::path::{Path, PathBuf};

use common::rpc::{ErrorCode, WireError};
use common::types::Decree;

/// Why the log could not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// No space for further segments. It recovers by itself when space returns.
    #[error("no space for the log in {dir}: free space on the disk; writes are taken again by themselves")]
    NoSpace {
        /// The log's directory.
        dir: PathBuf,
    },
    /// A write or an fsync failed: nothing is appended any more until the disk is replaced and the process restarted.
    #[error("the log in {dir} failed and takes nothing more: {cause}; replace the disk, then restart")]
    Poisoned {
        /// The log's directory.
        dir: PathBuf,
        /// The system's words.
        cause: String,
    },
    /// An earlier append of this replica failed: it must attach again, for there may be a gap.
    #[error("an earlier append of this replica to the log in {dir} failed; the replica must be opened again")]
    Gap {
        /// The log's directory.
        dir: PathBuf,
    },
    /// Longer than any frame may be.
    #[error("a record of {bytes} bytes is too large for the log: at most {bytes_max}")]
    TooLarge {
        /// Wanted.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// A record that was read back is not what was written.
    #[error("damaged record in {segment} at byte {offset}; the replica must be learned again from another")]
    Damaged {
        /// File.
        segment: PathBuf,
        /// Where in it.
        offset: u64,
    },
    /// The log does not hold this decree (any more).
    #[error("the log does not hold decree {decree} of this replica; learn by checkpoint instead")]
    Missing {
        /// The decree.
        decree: Decree,
    },
    /// Written by a newer version of Godwit; nothing was changed.
    #[error("{path} has format version {version}, newer than this program knows; use a newer program")]
    NewerFormat {
        /// File.
        path: PathBuf,
        /// Its version.
        version: u8,
    },
    /// Reading, or making the directory, failed.
    #[error("cannot use {path}: {cause}; check the disk")]
    Io {
        /// File or directory.
        path: PathBuf,
        /// The system's words.
        cause: String,
    },
    /// It was closed.
    #[error("the log in {dir} is closed: the process is stopping")]
    Closed {
        /// The log's directory.
        dir: PathBuf,
    },
    /// What was waited for did not come in time.
    #[error("the log in {dir} did not become durable in time; the disk hangs")]
    TimedOut {
        /// The log's directory.
        dir: PathBuf,
    },
}

impl LogError {
    pub(super) fn io(path: &Path, error: &std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), cause: error.to_string() }
    }

    /// Whether the disk counts as failed.
    #[must_use]
    pub const fn is_disk_failure(&self) -> bool {
        matches!(self, Self::Poisoned { .. } | Self::Io { .. } | Self::TimedOut { .. })
    }

    /// As another process sees it.
    #[must_use]
    pub fn to_wire(&self) -> WireError {
        let (code, hint) = match self {
            Self::NoSpace { .. } => {
                (ErrorCode::DiskSpaceInsufficient, "free space on the disk, or move replicas off it")
            }
            Self::TooLarge { .. } => (ErrorCode::TooLarge, "split the write"),
            Self::Damaged { .. } | Self::NewerFormat { .. } => (ErrorCode::Corruption, "see the server's log"),
            Self::Poisoned { .. } | Self::Io { .. } => (ErrorCode::DiskIoError, "check the disk; see `disk-capacity`"),
            Self::Gap { .. } | Self::Missing { .. } | Self::Closed { .. } => {
                (ErrorCode::NotReady, "try again after a pause")
            }
            Self::TimedOut { .. } => (ErrorCode::Timeout, "try again"),
        };
        WireError::new(code, self.to_string(), hint)
    }
}
