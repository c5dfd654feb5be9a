//! Records in memory, as one state of a partition.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use common::types::{Value, ValueKind, WriteOp, Writes, decode_key};
use redis_data::encoding::Owner;
use redis_data::{Command, Context, Evaluation, Missing, Page, View};

/// Bytes after which a page ends, so that tests see pages that are cut short.
const PAGE_BYTES: usize = 2000;

/// All records, at hand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Records(pub(crate) BTreeMap<Bytes, Bytes>);

impl View for Records {
    fn get(&mut self, key: &[u8]) -> Result<Option<Bytes>, Missing> {
        Ok(self.0.get(key).cloned())
    }

    fn scan(&mut self, start: &[u8], end: &[u8], limit: usize) -> Result<Page, Missing> {
        let (start, end) = (Bytes::copy_from_slice(start), Bytes::copy_from_slice(end));
        if start >= end {
            return Ok(Page::default());
        }
        let (mut page, mut bytes) = (Page::default(), 0);
        for (key, value) in self.0.range(start..end) {
            if page.records.len() >= limit || bytes >= PAGE_BYTES {
                page.more = true;
                break;
            }
            bytes += key.len() + value.len();
            page.records.push((key.clone(), value.clone()));
        }
        Ok(page)
    }
}

impl Records {
    /// Does what a mutation does.
    pub(crate) fn apply(&mut self, writes: &Writes) {
        for op in writes.iter() {
            let key = Bytes::copy_from_slice(op.key());
            decode_key(&key).expect("every write is of a record");
            match op {
                WriteOp::Put { value, .. } => drop(self.0.insert(key, Bytes::copy_from_slice(value))),
                WriteOp::Delete { .. } => drop(self.0.remove(&key)),
            }
        }
    }

    /// How many fields there are, those that no one sees too.
    pub(crate) fn fields(&self) -> usize {
        self.0.values().filter(|stored| Value::kind_of(stored) == Some(ValueKind::Field)).count()
    }

    /// Drops the fields that no hash owns, as a compaction does.
    pub(crate) fn compact(&mut self, horizon_ms: u64) {
        let all = self.0.clone();
        let is_gone = |record: &Bytes, stored: &Bytes| {
            Owner::of(record, stored)
                .is_some_and(|owner| owner.is_gone(all.get(owner.head).map(|b| &b[..]), horizon_ms))
        };
        self.0.retain(|record, stored| !is_gone(record, stored));
    }
}

/// A view that has to be told everything first, as if every record came from a disk.
#[derive(Debug, Default)]
struct Fetched {
    records: BTreeMap<Bytes, Option<Bytes>>,
    pages: BTreeMap<(Bytes, Bytes, usize), Page>,
    missing: BTreeSet<Bytes>,
    missing_pages: BTreeSet<(Bytes, Bytes, usize)>,
}

impl View for Fetched {
    fn get(&mut self, key: &[u8]) -> Result<Option<Bytes>, Missing> {
        let Some(known) = self.records.get(key) else {
            self.missing.insert(Bytes::copy_from_slice(key));
            return Err(Missing);
        };
        Ok(known.clone())
    }

    fn scan(&mut self, start: &[u8], end: &[u8], limit: usize) -> Result<Page, Missing> {
        let range = (Bytes::copy_from_slice(start), Bytes::copy_from_slice(end), limit);
        let Some(page) = self.pages.get(&range) else {
            self.missing_pages.insert(range);
            return Err(Missing);
        };
        Ok(page.clone())
    }
}

/// What one evaluation took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cost {
    /// Rounds in which single records were fetched.
    pub(crate) record_rounds: u32,
    /// Rounds in which a page of a range was fetched.
    pub(crate) page_rounds: u32,
}

/// Evaluates in rounds: what is missing is fetched, and the evaluation begins again.
pub(crate) fn in_rounds(command: &Command, records: &mut Records, ctx: &Context) -> (Evaluation, Cost) {
    let mut fetched = Fetched::default();
    let mut cost = Cost { record_rounds: 0, page_rounds: 0 };
    loop {
        if let Ok(done) = command.evaluate(&mut fetched, ctx) {
            return (done, cost);
        }
        assert!(!fetched.missing.is_empty() || !fetched.missing_pages.is_empty(), "missing, but nothing was noted");
        cost.record_rounds += u32::from(!fetched.missing.is_empty());
        cost.page_rounds += u32::from(!fetched.missing_pages.is_empty());
        for key in std::mem::take(&mut fetched.missing) {
            let found = records.get(&key).expect("all records are at hand");
            fetched.records.insert(key, found);
        }
        for (start, end, limit) in std::mem::take(&mut fetched.missing_pages) {
            let page = records.scan(&start, &end, limit).expect("all records are at hand");
            fetched.pages.insert((start, end, limit), page);
        }
    }
}
