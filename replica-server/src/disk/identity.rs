//! `.godwit-disk`: which disk a data directory is, of which cluster, and which other disks the node has.
//!
//! Every disk knows all disks of its node, so a mount that is lost is noticed by its neighbours: a known directory
//! without its identity file has failed, and is never taken for an empty disk.

use std::io;
use std::path::Path;

use common::fs::{CheckedError, read_checked, write_checked};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::layout;

const KIND: &str = "disk";
/// The on-disk format of a data directory. A newer one is refused before anything is written.
pub(super) const FORMAT: u32 = 1;

/// A disk of the node, as its neighbours remember it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KnownDisk {
    /// Its tag.
    pub tag: String,
    /// Its identity.
    pub disk: Uuid,
}

/// Which disk a data directory is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The cluster; `None` until the node registered for the first time.
    pub cluster: Option<Uuid>,
    /// This disk.
    pub disk: Uuid,
    /// Its tag.
    pub tag: String,
    /// All disks of the node, this one included, in order of tag.
    pub disks: Vec<KnownDisk>,
}

impl Identity {
    /// Reads it; `None` if there is no identity file.
    ///
    /// # Errors
    /// [`CheckedError`].
    pub fn read(disk: &Path) -> Result<Option<Self>, CheckedError> {
        match read_checked(&layout::identity_file(disk), KIND, FORMAT) {
            Ok(identity) => Ok(Some(identity)),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes it, durably.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn write(&self, disk: &Path) -> io::Result<()> {
        write_checked(&layout::identity_file(disk), KIND, FORMAT, self)
    }
}
