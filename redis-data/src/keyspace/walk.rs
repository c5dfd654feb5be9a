//! A walk over the keys of a range of slots, in the order in which they are stored.
//!
//! A key's record is followed by the fields of what it holds, or held once. Those are passed by seeking behind them: a
//! page that ends among them is followed by small ones, and pages grow again where key follows key.

use bytes::{BufMut, Bytes, BytesMut};
use common::types::{SlotRange, Value, ValueKind, decode_key, hash_key_prefix, prefix_end};

use crate::view::{Missing, View};

/// Records of a page behind a seek.
const PAGE_MIN: usize = 4;
/// Records of the largest page.
const PAGE_MAX: usize = 1024;

/// A key that was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its slot.
    pub slot: u16,
    /// What it is called.
    pub name: Bytes,
    /// What it holds.
    pub kind: ValueKind,
}

/// Where a walk is.
#[derive(Clone, Debug)]
pub struct Walk {
    /// `None`: at the end.
    start: Option<Bytes>,
    end: Bytes,
    page: usize,
    /// Records read so far, of whatever kind.
    read: u64,
}

impl Walk {
    /// From the first key of the first slot to the last one of the last slot.
    #[must_use]
    pub fn over(slots: SlotRange) -> Self {
        let bound = |slot: u16| Bytes::copy_from_slice(&slot.to_be_bytes());
        Self { start: Some(bound(slots.start)), end: bound(slots.end.saturating_add(1)), page: PAGE_MIN * 4, read: 0 }
    }

    /// How many records it has read, of whatever kind: the measure of how long it took.
    #[must_use]
    pub const fn read(&self) -> u64 {
        self.read
    }

    /// The next keys that live, perhaps none for now; `None` at the end. It reads one page.
    ///
    /// # Errors
    /// [`Missing`]; the same step may then be taken again.
    pub fn step(&mut self, view: &mut dyn View, now_ms: u64) -> Result<Option<Vec<Found>>, Missing> {
        let Some(start) = &self.start else { return Ok(None) };
        let page = view.scan(start, &self.end, self.page)?;
        self.read += page.records.len() as u64;
        let last = page.records.last().filter(|_| page.more).map(|(record, _)| record.clone());
        self.advance(last.as_ref());
        Ok(Some(page.records.iter().filter_map(|(record, stored)| living(record, stored, now_ms)).collect()))
    }

    fn advance(&mut self, last: Option<&Bytes>) {
        let Some(last) = last else {
            self.start = None;
            return;
        };
        let behind = decode_key(last).ok().filter(|key| !key.sort_key.is_empty()).map(|key| key.hash_key);
        self.page = if behind.is_some() { PAGE_MIN } else { (self.page * 2).min(PAGE_MAX) };
        let seek = behind.and_then(|name| hash_key_prefix(name).ok()).map(|prefix| prefix_end(&prefix));
        self.start = Some(seek.unwrap_or_else(|| after(last)));
    }
}

/// The key that a record is the string or the head of, if it lives.
fn living(record: &Bytes, stored: &[u8], now_ms: u64) -> Option<Found> {
    let key = decode_key(record).ok().filter(|key| key.sort_key.is_empty())?;
    let kind = Value::kind_of(stored).filter(|kind| *kind != ValueKind::Field)?;
    let lives = Value::expiry_of(stored).is_none_or(|at| at > now_ms);
    lives.then(|| Found { slot: key.slot, name: record.slice_ref(key.hash_key), kind })
}

fn after(record: &[u8]) -> Bytes {
    let mut after = BytesMut::with_capacity(record.len() + 1);
    after.put_slice(record);
    after.put_u8(0);
    after.freeze()
}
