//! What reads see: one moment of what is applied.

use bytes::Bytes;
use common::rpc::WireError;
use redis_data::{Missing, Page, View};

use crate::storage::{Cached, Moment, Reach, ScanLimit, Storage};

/// What is applied at the moment of each look: for commands that look once, or whose looks need not fit each other. Goes
/// no further than memory.
pub(super) struct Glance<'a> {
    storage: &'a Storage,
    pub(super) failed: Option<WireError>,
    /// It wants a range, which takes a moment of its own.
    pub(super) scans: bool,
}

impl<'a> Glance<'a> {
    pub(super) const fn new(storage: &'a Storage) -> Self {
        Self { storage, failed: None, scans: false }
    }
}

impl View for Glance<'_> {
    fn get(&mut self, key: &[u8]) -> Result<Option<Bytes>, Missing> {
        match self.storage.get_cached(key) {
            Ok(Cached::Found(value)) => Ok(value),
            Ok(Cached::NotInCache) => Err(Missing),
            Err(error) => {
                self.failed = Some(error.to_wire());
                Err(Missing)
            }
        }
    }

    fn scan(&mut self, _start: &[u8], _end: &[u8], _limit: usize) -> Result<Page, Missing> {
        self.scans = true;
        Err(Missing)
    }
}

/// Records that are gathered on a runtime thread at most; what needs more goes to a thread that may be slow.
const AT_HAND: usize = 256;

/// One moment.
pub(super) struct Still<'a> {
    moment: &'a Moment<'a>,
    now_ms: u64,
    /// Records that may still be gathered.
    left: usize,
    pub(super) failed: Option<WireError>,
}

impl<'a> Still<'a> {
    pub(super) const fn new(moment: &'a Moment<'a>, reach: Reach, now_ms: u64) -> Self {
        let left = match reach {
            Reach::Memory => AT_HAND,
            Reach::Disk => usize::MAX,
        };
        Self { moment, now_ms, left, failed: None }
    }

    fn fail<T>(&mut self, error: &crate::storage::StorageError) -> Result<T, Missing> {
        self.failed = Some(error.to_wire());
        Err(Missing)
    }
}

impl View for Still<'_> {
    fn get(&mut self, key: &[u8]) -> Result<Option<Bytes>, Missing> {
        match self.moment.get(key) {
            Ok(Cached::Found(value)) => Ok(value),
            Ok(Cached::NotInCache) => Err(Missing),
            Err(error) => self.fail(&error),
        }
    }

    fn scan(&mut self, start: &[u8], end: &[u8], limit: usize) -> Result<Page, Missing> {
        if self.left == 0 {
            return Err(Missing);
        }
        match self.moment.scan(start, end, ScanLimit::records(limit.min(self.left)), self.now_ms) {
            Ok(Some(page)) => {
                self.left = self.left.saturating_sub(page.records.len());
                Ok(Page { records: page.records, more: page.more })
            }
            Ok(None) => Err(Missing),
            Err(error) => self.fail(&error),
        }
    }
}
