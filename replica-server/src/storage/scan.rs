//! Scans and counts, bounded in records and bytes. They see one moment of the storage and block on the disk.

use bytes::Bytes;
use common::types::{Value, ValueKind};

use super::error::StorageError;
use super::rocks::Tier;
use super::store::Storage;
use super::write_buffer::visit_over;

/// Where a scan ends at the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanLimit {
    /// Records.
    pub records: usize,
    /// Bytes of keys and values; the record that passes it is the last one.
    pub bytes: usize,
}

impl ScanLimit {
    /// At most so many records, and about 1 MiB.
    #[must_use]
    pub const fn records(records: usize) -> Self {
        Self { records, bytes: 1 << 20 }
    }
}

/// What a scan found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Live records in order of key: (record key, stored value).
    pub records: Vec<(Bytes, Bytes)>,
    /// A limit was reached: there may be more after the last key.
    pub more: bool,
}

/// What a count found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Live records.
    pub count: u64,
    /// The limit was reached: there may be more after `last`.
    pub more: bool,
    /// The last key counted; empty if there is none.
    pub last: Bytes,
}

impl Storage {
    /// Live records of the Rust client's kind with `start <= key < end` (empty `end`: to the end of the partition).
    ///
    /// # Errors
    /// If it is closed, damaged, or the disk fails.
    pub fn scan(&self, start: &[u8], end: &[u8], limit: ScanLimit, now_ms: u64) -> Result<Scanned, StorageError> {
        self.gather(start, end, limit, |value| is_hidden(value, now_ms))
    }

    /// As [`Storage::scan`], records of all kinds.
    ///
    /// # Errors
    /// If it is closed, damaged, or the disk fails.
    pub fn scan_all(&self, start: &[u8], end: &[u8], limit: ScanLimit, now_ms: u64) -> Result<Scanned, StorageError> {
        self.gather(start, end, limit, |value| is_expired(value, now_ms))
    }

    fn gather(
        &self,
        start: &[u8],
        end: &[u8],
        limit: ScanLimit,
        hidden: impl Fn(&[u8]) -> bool,
    ) -> Result<Scanned, StorageError> {
        gather(limit, hidden, |visit| self.visit(start, end, visit))
    }

    /// Counts live records with `start <= key < end` (empty `end`: to the end of the partition), at most `limit`.
    ///
    /// # Errors
    /// If it is closed, damaged, or the disk fails.
    pub fn count(&self, start: &[u8], end: &[u8], limit: u64, now_ms: u64) -> Result<Counted, StorageError> {
        let mut counted = Counted::default();
        let mut last = Vec::new();
        self.live(start, end, now_ms, &mut |key, _value| {
            if counted.count >= limit {
                counted.more = true;
                return false;
            }
            counted.count += 1;
            last.clear();
            last.extend_from_slice(key);
            true
        })?;
        counted.last = last.into();
        Ok(counted)
    }

    fn live(
        &self,
        start: &[u8],
        end: &[u8],
        now_ms: u64,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StorageError> {
        self.visit(start, end, &mut |key, value| is_hidden(value, now_ms) || visit(key, value))
    }

    /// Shows what is applied, of one moment, of which only the range is copied.
    fn visit(&self, start: &[u8], end: &[u8], visit: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), StorageError> {
        self.with(|rocks| {
            let tables = self.inner.buffer.tables();
            let (newer, snapshot) = (tables.range(start, end), rocks.snapshot(Tier::All));
            drop(tables);
            visit_over(newer, |visit| snapshot.visit(start, end, false, visit), visit).map(drop)
        })
    }
}

/// Gathers those of the records that `walk` shows which are not hidden, up to the limit.
pub(super) fn gather(
    limit: ScanLimit,
    hidden: impl Fn(&[u8]) -> bool,
    walk: impl FnOnce(&mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), StorageError>,
) -> Result<Scanned, StorageError> {
    let mut scanned = Scanned::default();
    let mut bytes = 0;
    walk(&mut |key, value| {
        if hidden(value) {
            return true;
        }
        if scanned.records.len() >= limit.records || bytes >= limit.bytes {
            scanned.more = true;
            return false;
        }
        bytes += key.len() + value.len();
        scanned.records.push((Bytes::copy_from_slice(key), Bytes::copy_from_slice(value)));
        true
    })?;
    Ok(scanned)
}

/// Whether the Rust client is not to see a record: it is expired, or of a type that only Redis clients know.
fn is_hidden(value: &[u8], now_ms: u64) -> bool {
    is_expired(value, now_ms) || Value::kind_of(value).is_some_and(|kind| kind != ValueKind::Bytes)
}

/// Whether a stored value is expired at that time.
pub(super) fn is_expired(value: &[u8], now_ms: u64) -> bool {
    Value::expiry_of(value).is_some_and(|at| at <= now_ms)
}
