//! Why a step of a move did not succeed.

use std::io;
use std::path::{Path, PathBuf};

use common::fs::CopyError;
use common::rpc::WireError;
use common::types::Gpid;

use crate::storage::StorageError;

/// Why a step of a move did not succeed.
#[derive(Debug, thiserror::Error)]
pub(super) enum MoveError {
    /// An operator cancelled it.
    #[error("cancelled by an operator")]
    Cancelled,
    /// The process stops; the job goes on after its next start.
    #[error("the server is stopping")]
    Stopped,
    /// The file system refused.
    #[error("{}: {error}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// How it failed.
        error: io::Error,
    },
    /// A file could not be copied.
    #[error("{0}")]
    Copy(CopyError),
    /// RocksDB refused.
    #[error("{0}")]
    Storage(#[from] StorageError),
    /// The rest of the node, or the meta server, refused.
    #[error("{0}")]
    Host(#[from] WireError),
    /// The partition is whole without the copy that moves, and does not take it back.
    #[error("{0} was made anew elsewhere, and is complete without this copy")]
    Replaced(Gpid),
    /// What was found is not what was expected.
    #[error("{0}")]
    Unexpected(String),
}

impl From<CopyError> for MoveError {
    fn from(error: CopyError) -> Self {
        if matches!(error, CopyError::Cancelled) { Self::Cancelled } else { Self::Copy(error) }
    }
}

impl MoveError {
    /// For `map_err`: an I/O error at `path`.
    pub(super) fn io(path: &Path) -> impl Fn(io::Error) -> Self {
        move |error| Self::Io { path: path.to_owned(), error }
    }
}
