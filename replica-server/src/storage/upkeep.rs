//! Flushing, compactions, and what an operator wants to know of a storage.

use std::time::Duration;

use common::fault::{Point, pass};
use common::types::Decree;

use super::error::StorageError;
use super::rocks::Number;
use super::store::Storage;

impl Storage {
    /// Makes what is applied durable; returns up to where. Blocks.
    ///
    /// # Errors
    /// If it is closed or the disk fails.
    pub fn flush(&self) -> Result<Decree, StorageError> {
        self.pass_flush_point()?;
        self.with_all(super::rocks::Rocks::flush).inspect_err(|error| self.note(error))?;
        Ok(self.flushed()?.decree)
    }

    pub(super) fn pass_flush_point(&self) -> Result<(), StorageError> {
        pass(Point::StorageFlush, self.dir()).map_err(|error| StorageError::io(self.dir(), &error))
    }

    /// Lets RocksDB compact by itself, or stops that (running compactions go on: see
    /// [`Storage::await_compactions`]). While it is off, watch [`Storage::level0_files`].
    ///
    /// # Errors
    /// If it is closed.
    pub fn set_auto_compaction(&self, on: bool) -> Result<(), StorageError> {
        self.with(|rocks| rocks.set_auto_compaction(on))
    }

    /// Waits until no compaction and no flush runs. Blocks.
    ///
    /// # Errors
    /// [`StorageError::TimedOut`], or if it is closed or a background error stands.
    pub fn await_compactions(&self, wait: Duration) -> Result<(), StorageError> {
        self.with(|rocks| rocks.await_background(u64::try_from(wait.as_micros()).unwrap_or(u64::MAX)))
    }

    /// Compacts everything, which also drops what expired. Blocks for long.
    ///
    /// # Errors
    /// If it is closed.
    pub fn compact(&self) -> Result<(), StorageError> {
        self.with_all(|rocks| {
            rocks.compact();
            Ok(())
        })
    }

    /// Files in level 0; at [`super::LEVEL0_SLOWDOWN`] writers are slowed down.
    ///
    /// # Errors
    /// If it is closed.
    pub fn level0_files(&self) -> Result<u64, StorageError> {
        self.with(super::rocks::Rocks::level0_files)
    }

    /// RocksDB's identity of this database: another one for every database created, the same for its checkpoints.
    ///
    /// # Errors
    /// If it is closed.
    pub fn database_id(&self) -> Result<String, StorageError> {
        self.with(super::rocks::Rocks::identity)
    }

    /// Bytes on disk, and those in memory that will come to disk.
    ///
    /// # Errors
    /// If it is closed.
    pub fn size_bytes(&self) -> Result<u64, StorageError> {
        let buffered = self.inner.buffer.bytes() as u64;
        self.with(|rocks| Ok(buffered + rocks.number(Number::TableBytes)? + rocks.number(Number::MemtableBytes)?))
    }

    /// Failed flushes and compactions since it was opened. There is no listener: poll it.
    ///
    /// # Errors
    /// If it is closed.
    pub fn background_errors(&self) -> Result<u64, StorageError> {
        self.with(|rocks| rocks.number(Number::BackgroundErrors))
    }

    /// Whether RocksDB slows writers down or stops them at the moment.
    ///
    /// # Errors
    /// If it is closed.
    pub fn is_stalled(&self) -> Result<bool, StorageError> {
        self.with(|rocks| Ok(rocks.number(Number::WritesStopped)? + rocks.number(Number::DelayedWriteRate)? > 0))
    }

    /// Bytes that compactions have yet to rewrite, as RocksDB estimates.
    ///
    /// # Errors
    /// If it is closed.
    pub fn pending_compaction_bytes(&self) -> Result<u64, StorageError> {
        self.with(|rocks| rocks.number(Number::PendingCompactionBytes))
    }
}
