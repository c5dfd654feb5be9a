//! Why a copy failed, and at which of its two files.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What was being done when the file system refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Reading the source.
    Reading,
    /// Writing the target.
    Writing,
    /// Making the target durable.
    Syncing,
    /// Reading the target back.
    ReadingBack,
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reading => "reading the source",
            Self::Writing => "writing the copy",
            Self::Syncing => "fsync of the copy",
            Self::ReadingBack => "reading the copy back",
        })
    }
}

/// Why a copy failed. What stands at the target is then worth nothing.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// Stopped.
    #[error("cancelled")]
    Cancelled,
    /// The file system refused.
    #[error("{doing} {}: {error}", path.display())]
    Io {
        /// What was being done.
        doing: Doing,
        /// The file.
        path: PathBuf,
        /// How it failed.
        error: io::Error,
    },
    /// A stage of the copy could not be started.
    #[error("no thread for a copy: {0}")]
    Thread(io::Error),
    /// The copy reads back differently.
    #[error("{}: the copy reads back differently (CRC {found:08x}, not {expected:08x}): its disk is not to be trusted", path.display())]
    Differs {
        /// The copy.
        path: PathBuf,
        /// CRC of what was read from the source.
        expected: u32,
        /// CRC of what was read back.
        found: u32,
    },
}

impl CopyError {
    /// For `map_err`: an I/O error at `path`.
    pub(super) fn io(doing: Doing, path: &Path) -> impl Fn(io::Error) -> Self {
        move |error| Self::Io { doing, path: path.to_owned(), error }
    }

    /// Whether the target ran out of space.
    #[must_use]
    pub fn is_no_space(&self) -> bool {
        matches!(self, Self::Io { error, .. } if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }
}
