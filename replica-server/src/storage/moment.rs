//! Several reads of one moment: what a batch writes is seen whole or not at all.

use std::ops::Deref;

use parking_lot::RwLockReadGuard;

use super::decree::Applied;
use super::error::StorageError;
use super::read::Cached;
use super::rocks::{Snapshot, Tier};
use super::scan::{ScanLimit, Scanned, gather, is_expired};
use super::store::Storage;
use super::write_buffer::{Tables, visit_over};

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
    buffered: Buffered<'a>,
}

/// What is not in RocksDB.
enum Buffered<'a> {
    /// As it is: nothing is applied meanwhile.
    Held(RwLockReadGuard<'a, Tables>),
    /// As it was.
    Copied(Tables),
}

impl Deref for Buffered<'_> {
    type Target = Tables;

    fn deref(&self) -> &Tables {
        match self {
            Self::Held(tables) => tables,
            Self::Copied(tables) => tables,
        }
    }
}

impl Storage {
    /// Reads the present moment. `read` asks nothing but the moment; one that reaches to the disk holds nobody up.
    ///
    /// # Errors
    /// If it is closed.
    pub fn moment<T>(&self, reach: Reach, read: impl FnOnce(&Moment<'_>) -> T) -> Result<T, StorageError> {
        self.with(|rocks| {
            // Under the guard, so that both are of one moment.
            let tables = self.inner.buffer.tables();
            let (snapshot, buffered) = match reach {
                Reach::Memory => (rocks.snapshot(Tier::CacheOnly), Buffered::Held(tables)),
                Reach::Disk => {
                    let both = (rocks.snapshot(Tier::All), Buffered::Copied(Tables::clone(&tables)));
                    drop(tables);
                    both
                }
            };
            Ok(read(&Moment { snapshot, buffered }))
        })
    }
}

impl Moment<'_> {
    /// The stored value.
    ///
    /// # Errors
    /// If it is damaged, or the disk fails.
    pub fn get(&self, key: &[u8]) -> Result<Cached, StorageError> {
        if let Some(value) = self.buffered.get(key) {
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
            is_whole = self.visit(start, end, false, visit)?;
            Ok(())
        })?;
        Ok(Some(scanned).filter(|_| is_whole))
    }

    /// Up to where it is applied.
    pub(super) fn applied(&self) -> Result<Applied, StorageError> {
        self.buffered.applied().map_or_else(|| self.snapshot.applied(), Ok)
    }

    /// Visits records with `start <= key < end` in order until `visit` says no; `cold` as for a scrub. False: not all of it
    /// is in reach.
    pub(super) fn visit(
        &self,
        start: &[u8],
        end: &[u8],
        cold: bool,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<bool, StorageError> {
        let newer = self.buffered.range(start, end);
        visit_over(newer, |visit| self.snapshot.visit(start, end, cold, visit), visit)
    }
}
