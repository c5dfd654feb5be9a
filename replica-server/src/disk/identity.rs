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
use super::set::DiskSet;

const KIND: &str = "disk";
const SET_KIND: &str = "disk-set";
/// The newest on-disk format of a data directory. A newer one is refused before anything is written.
pub(super) const FORMAT: u32 = 2;
/// The format of a node whose disks are those of its configuration: an older program reads them rightly too.
const FORMAT_PLAIN: u32 = 1;
const SET_FORMAT: u32 = 1;

/// Which disk a data directory is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The cluster; `None` until the node registered for the first time.
    pub cluster: Option<Uuid>,
    /// This disk.
    pub disk: Uuid,
    /// Its tag.
    pub tag: String,
    /// All disks of the node, this one included.
    #[serde(flatten)]
    pub set: DiskSet,
}

impl Identity {
    /// Reads it; `None` if there is no identity file.
    ///
    /// # Errors
    /// [`CheckedError`].
    pub fn read(disk: &Path) -> Result<Option<Self>, CheckedError> {
        there(read_checked(&layout::identity_file(disk), KIND, FORMAT))
    }

    /// Writes it, durably.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn write(&self, disk: &Path) -> io::Result<()> {
        let format = if self.set.differs_from_configuration() { FORMAT } else { FORMAT_PLAIN };
        write_checked(&layout::identity_file(disk), KIND, format, self)
    }
}

impl DiskSet {
    /// Reads the node's record; `None` if there is none.
    ///
    /// # Errors
    /// [`CheckedError`].
    pub fn read(home: &Path) -> Result<Option<Self>, CheckedError> {
        there(read_checked(&layout::disks_file(home), SET_KIND, SET_FORMAT))
    }

    /// Writes the node's record, durably.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn write(&self, home: &Path) -> io::Result<()> {
        std::fs::create_dir_all(home)?;
        write_checked(&layout::disks_file(home), SET_KIND, SET_FORMAT, self)
    }
}

fn there<T>(read: Result<T, CheckedError>) -> Result<Option<T>, CheckedError> {
    match read {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.is_absent() => Ok(None),
        Err(error) => Err(error),
    }
}
