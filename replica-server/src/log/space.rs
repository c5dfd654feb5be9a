//! The budget of preallocated space: what makes `reserve` one atomic operation.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::fs::sync_dir;
use rustix::fs::{FallocateFlags, fallocate};

/// Counts preallocated bytes, and those promised.
#[derive(Debug, Default)]
pub(super) struct Space {
    /// Bytes that can still be written without asking the file system; set by the writer.
    pub capacity: AtomicU64,
    promised: AtomicU64,
}

/// Space in the log for a write that has no decree yet (rule DECREES). Drop it once the write's fate is known.
#[derive(Debug)]
pub struct Reservation {
    space: Arc<Space>,
    bytes: u64,
}

impl Space {
    /// Promises `bytes`, if so much is left and `margin` beyond it.
    pub(super) fn reserve(self: &Arc<Self>, bytes: u64, margin: u64) -> Option<Reservation> {
        let promised = self.promised.fetch_add(bytes, Ordering::AcqRel) + bytes;
        let reservation = Reservation { space: Arc::clone(self), bytes };
        (promised + margin <= self.capacity.load(Ordering::Acquire)).then_some(reservation)
    }

    pub(super) fn promised(&self) -> u64 {
        self.promised.load(Ordering::Relaxed)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.space.promised.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

/// A file that only takes up space, given up when the disk is full so that memtables can still be flushed (rule PINS).
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    bytes: u64,
    held: bool,
}

impl Reserve {
    pub(super) fn new(path: PathBuf, bytes: u64) -> Self {
        Self { path, bytes, held: false }
    }

    /// Takes the space if it is not held.
    pub(super) fn hold(&mut self) -> io::Result<()> {
        if self.held || self.bytes == 0 {
            return Ok(());
        }
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&self.path)?;
        if let Err(error) = fallocate(&file, FallocateFlags::empty(), 0, self.bytes) {
            self.release();
            return Err(error.into());
        }
        self.held = true;
        Ok(())
    }

    /// Gives the space to others.
    pub(super) fn release(&mut self) {
        self.held = false;
        // If it cannot be removed, the flush that needs it fails and says so.
        let _ = std::fs::remove_file(&self.path);
        let _ = sync_dir(self.path.parent().unwrap_or(Path::new(".")));
    }
}
