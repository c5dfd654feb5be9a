//! A Redis command that may write, evaluated by the partition's task.
//!
//! The evaluation itself is pure (`redis_data`); here it is given what it asks for: writes in flight, and under them what
//! is applied. What is not in memory is fetched, and the evaluation begins again. While the disk is read this partition
//! waits, so nothing gets between what was seen and the writes that depend on it.

use std::collections::BTreeMap;

use bytes::Bytes;
use common::rpc::data::DataError;
use common::rpc::{ErrorCode, WireError, WireResult};
use common::types::Decree;
use redis_data::{Command, Context, Evaluation, Missing, Page, View};
use replica_state::overlay::Overlay;
use resp::{Reply, Version};

use super::task::{Entry, Task};
use super::waiter::{Answer, Waiter};
use crate::storage::{Cached, ScanLimit, Storage};

/// An evaluation asks for what its arguments name, then for what depends on that. One that goes on asking for longer than
/// any command needs is broken.
const ROUNDS_MAX: u32 = 1_000;

/// A Redis command that may write.
#[derive(Debug)]
pub(crate) struct RedisWrite {
    /// The slot that all its keys share.
    pub(crate) slot: u16,
    pub(crate) command: Command,
    /// What the client speaks.
    pub(crate) protocol: Version,
    /// Longest value that is stored, in bytes.
    pub(crate) value_bytes_max: usize,
}

impl Task {
    pub(super) async fn redis(&mut self, write: &RedisWrite, to: Answer<Reply>) {
        if !self.owns(write.slot) {
            return drop(to.send(Err(self.redirect())));
        }
        let (evaluation, seen) = match self.evaluate_redis(write).await {
            Ok(evaluated) => evaluated,
            Err(error) => return drop(to.send(Err(DataError::RetryLater(error)))),
        };
        let Evaluation { reply, writes } = evaluation;
        let entry = if writes.is_empty() { Entry::Read(seen) } else { Entry::Write(writes) };
        self.enter(entry, Waiter::Redis(reply, to));
    }

    async fn evaluate_redis(&mut self, write: &RedisWrite) -> WireResult<(Evaluation, Decree)> {
        // What is committed must be in the storage before it is asked.
        self.perform().await;
        let context = self.context(write);
        let mut fetched = Fetched::default();
        for _ in 0..ROUNDS_MAX {
            let Some(storage) = self.storage.clone() else { return Err(super::handle::closing(self.replica.gpid)) };
            let mut view = InFlight::new(&self.overlay, &storage, &fetched);
            match write.command.evaluate(&mut view, &context) {
                Ok(evaluation) => return Ok((evaluation, view.seen)),
                Err(Missing) => {
                    let wanted = view.wanted?;
                    let (now_ms, mut known) = (context.now_ms, std::mem::take(&mut fetched));
                    fetched = super::blocking(move || known.fetch(&storage, wanted, now_ms).map(|()| known)).await?;
                }
            }
        }
        Err(WireError::new(ErrorCode::Internal, "the command's evaluation does not come to an end", "report this"))
    }

    fn context(&mut self, write: &RedisWrite) -> Context {
        self.evaluations += 1;
        // A decree is acknowledged once, whoever leads and however often processes start; many evaluations share it.
        let seed = self.core.next_decree().0 << 20 ^ self.evaluations;
        Context {
            now_ms: self.now_ms(),
            unique: seed,
            seed,
            protocol: write.protocol,
            value_bytes_max: write.value_bytes_max,
        }
    }
}

/// A range that was asked for: start, end, records.
type Range = (Bytes, Bytes, usize);

/// What is not in memory.
#[derive(Default)]
struct Wanted {
    keys: Vec<Bytes>,
    ranges: Vec<Range>,
}

/// What was read from the disk for an evaluation. Nothing is applied meanwhile, so it stays true.
#[derive(Default)]
struct Fetched {
    values: BTreeMap<Bytes, Option<Bytes>>,
    pages: BTreeMap<Range, Page>,
}

impl Fetched {
    fn fetch(&mut self, storage: &Storage, wanted: Wanted, now_ms: u64) -> WireResult<()> {
        let values = storage.multi_get(&wanted.keys).map_err(|error| error.to_wire())?;
        self.values.extend(wanted.keys.into_iter().zip(values));
        for (start, end, limit) in wanted.ranges {
            // The number of records alone says how long it is, so that a longer one is longer.
            let whole = ScanLimit { records: limit, bytes: usize::MAX };
            let page = storage.scan_all(&start, &end, whole, now_ms).map_err(|error| error.to_wire())?;
            self.pages.insert((start, end, limit), Page { records: page.records, more: page.more });
        }
        Ok(())
    }
}

/// What is applied and all that is in flight.
struct InFlight<'a> {
    overlay: &'a Overlay,
    storage: &'a Storage,
    fetched: &'a Fetched,
    /// The highest decree that was seen.
    seen: Decree,
    wanted: WireResult<Wanted>,
}

impl<'a> InFlight<'a> {
    fn new(overlay: &'a Overlay, storage: &'a Storage, fetched: &'a Fetched) -> Self {
        let seen = storage.applied().decree;
        Self { overlay, storage, fetched, seen, wanted: Ok(Wanted::default()) }
    }

    fn miss<T>(&mut self, note: impl FnOnce(&mut Wanted)) -> Result<T, Missing> {
        if let Ok(wanted) = &mut self.wanted {
            note(wanted);
        }
        Err(Missing)
    }
}

impl View for InFlight<'_> {
    fn get(&mut self, key: &[u8]) -> Result<Option<Bytes>, Missing> {
        if let Some((decree, value)) = self.overlay.get(key) {
            self.seen = self.seen.max(decree);
            return Ok(value);
        }
        if let Some(value) = self.fetched.values.get(key) {
            return Ok(value.clone());
        }
        match self.storage.get_cached(key) {
            Ok(Cached::Found(value)) => Ok(value),
            Ok(Cached::NotInCache) => self.miss(|wanted| wanted.keys.push(Bytes::copy_from_slice(key))),
            Err(error) => {
                self.wanted = Err(error.to_wire());
                Err(Missing)
            }
        }
    }

    fn scan(&mut self, start: &[u8], end: &[u8], limit: usize) -> Result<Page, Missing> {
        let flying = self.overlay.range(start, end);
        let last = flying.values().map(|(decree, _)| *decree).max();
        self.seen = self.seen.max(last.unwrap_or_default());
        let mut range = (Bytes::copy_from_slice(start), Bytes::copy_from_slice(end), limit);
        loop {
            let Some(page) = self.fetched.pages.get(&range) else {
                return self.miss(|wanted| wanted.ranges.push(range));
            };
            let merged = merge(page.clone(), &flying);
            if !merged.records.is_empty() || !merged.more {
                return Ok(merged);
            }
            // All of it is being deleted: a longer page reaches what is not.
            range.2 = range.2.saturating_mul(4);
        }
    }
}

/// A page of what is applied, with what is in flight put over it, as far as the page reaches.
fn merge(page: Page, flying: &BTreeMap<Bytes, (Decree, Option<Bytes>)>) -> Page {
    let end = page.records.last().map(|(key, _)| key.clone()).filter(|_| page.more);
    let mut records: BTreeMap<Bytes, Option<Bytes>> =
        page.records.into_iter().map(|(key, value)| (key, Some(value))).collect();
    let within = flying.iter().filter(|(key, _)| end.as_ref().is_none_or(|end| *key <= end));
    records.extend(within.map(|(key, (_, value))| (key.clone(), value.clone())));
    let records = records.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    Page { records, more: page.more }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Bytes {
        Bytes::copy_from_slice(text.as_bytes())
    }

    fn page(keys: &[&str], more: bool) -> Page {
        Page { records: keys.iter().map(|key| (bytes(key), bytes("stored"))).collect(), more }
    }

    fn flying(writes: &[(&str, Option<&str>)]) -> BTreeMap<Bytes, (Decree, Option<Bytes>)> {
        writes.iter().map(|(key, value)| (bytes(key), (Decree(9), value.map(bytes)))).collect()
    }

    fn keys(page: &Page) -> Vec<&str> {
        page.records.iter().map(|(key, _)| std::str::from_utf8(key).unwrap()).collect()
    }

    #[test]
    fn what_is_in_flight_lies_over_what_is_applied_as_far_as_the_page_reaches() {
        let writes = flying(&[("a", Some("new")), ("b", None), ("c", Some("new")), ("z", Some("new"))]);
        let merged = merge(page(&["b", "c", "d"], true), &writes);
        assert_eq!(keys(&merged), ["a", "c", "d"]);
        assert_eq!(merged.records[1].1, bytes("new"));
        assert_eq!(keys(&merge(page(&["b", "c", "d"], false), &writes)), ["a", "c", "d", "z"]);
    }

    #[test]
    fn a_page_of_which_all_is_being_deleted_is_empty_and_says_that_there_is_more() {
        let merged = merge(page(&["a", "b"], true), &flying(&[("a", None), ("b", None)]));
        assert!(merged.records.is_empty() && merged.more);
    }
}
