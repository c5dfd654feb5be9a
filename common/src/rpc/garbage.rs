//! Directories that have lost their name: what stands on the disks of a node beside its replicas.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::types::{Gpid, Incarnation};

/// Which garbage, and what to do with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GcRequest {
    /// Only on this disk, by tag.
    pub disk: Option<String>,
    /// Only of this partition.
    pub gpid: Option<Gpid>,
    /// Remove now what may go, before its time has come; else only list it.
    pub remove: bool,
}

/// What a directory's name says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GarbageKind {
    /// `.tmp`: a copy that was not finished.
    Tmp,
    /// `.ori`: what a move left behind.
    Ori,
    /// `.err`: damaged.
    Err,
    /// `.gar`: superseded or collected.
    Gar,
}

impl GarbageKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Tmp, Self::Ori, Self::Err, Self::Gar];
}

impl fmt::Display for GarbageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tmp => "tmp",
            Self::Ori => "ori",
            Self::Err => "err",
            Self::Gar => "gar",
        })
    }
}

/// A directory that has lost its name. Times in Unix milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GarbageDir {
    /// Tag of its disk.
    pub disk: String,
    /// The directory.
    pub path: String,
    /// Its partition.
    pub gpid: Gpid,
    /// What it is.
    pub kind: GarbageKind,
    /// Which copy it was, if that is readable.
    pub incarnation: Option<Incarnation>,
    /// Bytes in it.
    pub size_bytes: u64,
    /// Since when it is garbage; `None`: it is dated when the collector next looks.
    pub since_ms: Option<u64>,
    /// For how long since then.
    pub age_ms: Option<u64>,
    /// When it is removed by itself, unless something keeps it.
    pub due_ms: Option<u64>,
    /// Whether it was removed now.
    pub removed: bool,
    /// Why it stays, in words, even if its time has come; `None`: it may go.
    pub kept: Option<String>,
}
