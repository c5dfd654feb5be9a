//! The manifest of a `.tmp`: what has been copied into it, verified and made durable, and out of what (rule PRE-COPY).

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use common::fs::{CheckedError, read_checked, write_checked};
use common::types::{Ballot, Decree, Gpid, Incarnation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::disk::{MANIFEST_KIND, MANIFEST_VERSION, layout};

/// A file, by content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileContent {
    /// Bytes.
    pub size: u64,
    /// CRC-32 of the whole.
    pub crc32: u32,
}

/// A round that was copied in full: exactly these files stand in `rdb/`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompleteRound {
    /// Its applied decree.
    pub decree: Decree,
    /// Ballot of that mutation.
    pub ballot: Ballot,
    /// All files.
    pub files: BTreeMap<String, FileContent>,
}

/// What has been copied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The job.
    pub job: Uuid,
    /// The partition.
    pub gpid: Gpid,
    /// The copy that it was taken from.
    pub incarnation: Incarnation,
    /// RocksDB's identity of the source.
    pub database: String,
    /// Table files that stand in `rdb/`, durable and verified.
    pub tables: BTreeMap<String, FileContent>,
    /// The last round that was copied in full.
    pub complete: Option<CompleteRound>,
    /// Bytes that each round copied, oldest first.
    pub rounds: Vec<u64>,
}

impl Manifest {
    /// A manifest of nothing.
    pub(super) fn new(job: Uuid, gpid: Gpid) -> Self {
        Self {
            job,
            gpid,
            incarnation: Incarnation::default(),
            database: String::new(),
            tables: BTreeMap::new(),
            complete: None,
            rounds: Vec::new(),
        }
    }

    /// Reads it from a `.tmp`.
    ///
    /// # Errors
    /// [`CheckedError`].
    pub fn read(tmp: &Path) -> Result<Self, CheckedError> {
        read_checked(&layout::manifest_file(tmp), MANIFEST_KIND, MANIFEST_VERSION)
    }

    /// Writes it, durably.
    ///
    /// # Errors
    /// Any I/O error.
    pub(super) fn write(&self, tmp: &Path) -> io::Result<()> {
        write_checked(&layout::manifest_file(tmp), MANIFEST_KIND, MANIFEST_VERSION, self)
    }
}
