//! Reading everything back to find damage before it is needed.

use std::path::Path;

use common::fs::remove_dir_durable;

use super::error::StorageError;
use super::rocks::{Rocks, Tier};
use super::store::Storage;

/// What a scrub read and found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// Bytes in table files.
    pub sst_bytes: u64,
    /// Records read.
    pub records: u64,
    /// Damage in words; empty if all is well.
    pub damage: Vec<String>,
}

impl Storage {
    /// Reads every block of every table file and checks its checksum, past the block cache (a block in the cache says
    /// nothing of the disk). It reads a checkpoint made at `scratch` (which must not exist; same disk, so hard links)
    /// and removed at the end, so compactions do not take files away under it.
    ///
    /// `pace` is called about every MiB with the bytes read since the last call: it may wait, and ends the scrub by
    /// answering no.
    ///
    /// # Errors
    /// If it is closed or the disk fails; damage is no error but part of the answer.
    pub fn scrub(&self, scratch: &Path, pace: &mut dyn FnMut(u64) -> bool) -> Result<Scrubbed, StorageError> {
        let checkpoint = self.checkpoint(scratch);
        let scrubbed = checkpoint.and_then(|made| {
            let tables = made.files.iter().filter(|file| file.name.ends_with(".sst"));
            read_all(scratch, tables.map(|file| file.size).sum(), pace)
        });
        remove_dir_durable(scratch).map_err(|error| StorageError::io(scratch, &error))?;
        match scrubbed {
            Err(StorageError::Corruption { cause, .. }) => Ok(Scrubbed { damage: vec![cause], ..Scrubbed::default() }),
            other => other,
        }
    }
}

fn read_all(dir: &Path, sst_bytes: u64, pace: &mut dyn FnMut(u64) -> bool) -> Result<Scrubbed, StorageError> {
    const PACE_BYTES: u64 = 1 << 20;
    let rocks = Rocks::open_read_only(dir)?;
    let mut scrubbed = Scrubbed { sst_bytes, ..Scrubbed::default() };
    let mut unpaced = 0;
    let read = rocks.snapshot(Tier::All).visit(&[], &[], true, &mut |key, value| {
        scrubbed.records += 1;
        unpaced += (key.len() + value.len()) as u64;
        unpaced < PACE_BYTES || pace(std::mem::take(&mut unpaced))
    });
    match read {
        Err(StorageError::Corruption { cause, .. }) => scrubbed.damage.push(cause),
        other => drop(other?),
    }
    Ok(scrubbed)
}
