//! Checkpoints: a second directory that opens as a storage of its own, made of hard links where it can be.

use std::path::Path;

use common::fs::sync_parent;
use common::types::Decree;

use super::decree::Applied;
use super::error::StorageError;
use super::store::Storage;

/// A checkpoint as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Its applied decree, read from the checkpoint itself.
    pub decree: Decree,
    /// Ballot of that mutation and time, read with it.
    pub applied: Applied,
    /// The greatest mutation time in it, Unix ms.
    pub time_ms: u64,
    /// Its files, in order of name.
    pub files: Vec<CheckpointFile>,
}

/// A file of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CheckpointFile {
    /// Name, without any directory.
    pub name: String,
    /// Bytes.
    pub size: u64,
}

impl Storage {
    /// Makes a checkpoint at `to`, which must not exist while its parent does; durable when this returns. It flushes
    /// first, and writes may go on meanwhile (they make it slow: seconds under full load).
    ///
    /// # Errors
    /// If it is closed or the disk fails; what stands at `to` then is no checkpoint.
    pub fn checkpoint(&self, to: &Path) -> Result<Checkpoint, StorageError> {
        self.pass_flush_point()?;
        self.with_all(|rocks| rocks.checkpoint(to))?;
        sync_parent(to).map_err(|error| StorageError::io(to, &error))?;
        let applied = Self::read_applied(to)?;
        Ok(Checkpoint { decree: applied.decree, applied, time_ms: applied.time_ms, files: files(to)? })
    }
}

fn files(dir: &Path) -> Result<Vec<CheckpointFile>, StorageError> {
    let io = |error: std::io::Error| StorageError::io(dir, &error);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(io)? {
        let entry = entry.map_err(io)?;
        let size = entry.metadata().map_err(io)?.len();
        files.push(CheckpointFile { name: entry.file_name().to_string_lossy().into_owned(), size });
    }
    files.sort();
    Ok(files)
}
