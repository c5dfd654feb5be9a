//! The seal of a `.tmp`: says that the source of the move is closed and the copy may take its place (rule MOVES).
//! Written after the copy's own `.replica-info`; without both, a `.tmp` never rolls forward.

use std::io;
use std::path::Path;

use common::fs::{CheckedError, read_checked, write_checked};
use common::types::{Decree, Incarnation};
use replica_state::recover::Seal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::layout;

const KIND: &str = "move-seal";
const VERSION: u32 = 1;
/// Kind of a move's manifest file.
pub const MANIFEST_KIND: &str = "move-manifest";
/// Its newest known version.
pub const MANIFEST_VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Stored {
    job: Uuid,
    incarnation: Incarnation,
    last: Decree,
}

/// The part of a manifest that start-up looks at.
#[derive(Deserialize)]
struct ManifestJob {
    job: Uuid,
}

/// Reads the seal of a directory.
///
/// # Errors
/// [`CheckedError`].
pub fn read_seal(dir: &Path) -> Result<Seal, CheckedError> {
    let Stored { job, incarnation, last } = read_checked(&layout::seal_file(dir), KIND, VERSION)?;
    Ok(Seal { job, incarnation, last })
}

/// Seals a directory, durably.
///
/// # Errors
/// Any I/O error; the directory may then be sealed or not.
pub fn write_seal(dir: &Path, seal: &Seal) -> io::Result<()> {
    let Seal { job, incarnation, last } = *seal;
    write_checked(&layout::seal_file(dir), KIND, VERSION, &Stored { job, incarnation, last })
}

pub(super) fn read_manifest_job(dir: &Path) -> Result<Uuid, CheckedError> {
    let manifest: ManifestJob = read_checked(&layout::manifest_file(dir), MANIFEST_KIND, MANIFEST_VERSION)?;
    Ok(manifest.job)
}
