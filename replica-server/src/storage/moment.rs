//! Several reads of one moment: what a batch writes is seen whole or not at all.

use parking_lot::RwLockReadGuard;

use super::error::StorageError;
use super::read::Cached;
use super::rocks::{Snapshot, Tier};
use super::scan::{ScanLimit, Scanned, gather, is_expired};
use super::store::Storage;
use super::write_buffer::{Newest, Tables, visit_over};

/// How far reads may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// To what is in memory: fit for a runtime thread.
    Memory,
    /// To the disk, and block on it.
    Disk,
}

/// One moment of a storage.
pub struct Moment<'a> {
    snapshot: Snapshot<'a>,
    /// What is not in RocksDB, if there is anything. Nothing is applied while a moment lives that has this.
    buffered: Option<RwLockReadGuard<'a, Tables>>,
}

impl Storage {
    /// Reads the present moment. `read` asks nothing but the moment. A moment that reaches to the disk begins with a write
    /// into RocksDB, and then holds nobody up.
    ///
    /// # Errors
    /// If it is closed, or that write fails.
    pub fn moment<T>(&self, reach: Reach, read: impl FnOnce(&Moment<'_>) -> T) -> Result<T, StorageError> {
        match reach {
            Reach::Memory => self.with(|rocks| {
                let buffered = Some(self.inner.buffer.tables());
                Ok(read(&Moment { snapshot: rocks.snapshot(Tier::CacheOnly), buffered }))
            }),
            Reach::Disk => {
                self.with_all(|rocks| Ok(read(&Moment { snapshot: rocks.snapshot(Tier::All), buffered: None })))
            }
        }
    }
}

impl Moment<'_> {
    /// The stored value.
    ///
    /// # Errors
    /// If it is damaged, or the disk fails.
    pub fn get(&self, key: &[u8]) -> Result<Cached, StorageError> {
        if let Some(value) = self.buffered.as_ref().and_then(|tables| tables.get(key)) {
            return Ok(Cached::Found(value));
        }
        Ok(self.snapshot.get(key)?.map_or(Cached::NotInCache, Cached::Found))
    }

    /// Records with `start <= key < end` (empty `end`: to the end of the partition) that live at `now_ms`. `None`: only the
    /// disk knows.
    ///
    /// # Errors
    /// If it is damaged, or the disk fails.
    pub fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        limit: ScanLimit,
        now_ms: u64,
    ) -> Result<Option<Scanned>, StorageError> {
        let (hidden, mut is_whole) = (|value: &[u8]| is_expired(value, now_ms), true);
        let scanned = gather(limit, hidden, |visit| {
            let newer = self.buffered.as_ref().map_or_else(Newest::default, |tables| tables.range(start, end));
            is_whole = visit_over(newer, |visit| self.snapshot.visit(start, end, visit), visit)?;
            Ok(())
        })?;
        Ok(Some(scanned).filter(|_| is_whole))
    }
}
