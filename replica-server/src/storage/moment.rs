//! Several reads of one moment: what a batch writes is seen whole or not at all.

use super::error::StorageError;
use super::read::Cached;
use super::rocks::{Snapshot, Tier};
use super::scan::{ScanLimit, Scanned, gather, is_expired};
use super::store::Storage;

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
}

impl Storage {
    /// Reads the present moment.
    ///
    /// # Errors
    /// If it is closed.
    pub fn moment<T>(&self, reach: Reach, read: impl FnOnce(&Moment<'_>) -> T) -> Result<T, StorageError> {
        let tier = match reach {
            Reach::Memory => Tier::CacheOnly,
            Reach::Disk => Tier::All,
        };
        self.with(|rocks| Ok(read(&Moment { snapshot: rocks.snapshot(tier) })))
    }
}

impl Moment<'_> {
    /// The stored value.
    ///
    /// # Errors
    /// If it is damaged, or the disk fails.
    pub fn get(&self, key: &[u8]) -> Result<Cached, StorageError> {
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
            is_whole = self.snapshot.visit(start, end, visit)?;
            Ok(())
        })?;
        Ok(Some(scanned).filter(|_| is_whole))
    }
}
