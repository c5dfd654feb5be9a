//! What is applied and not in RocksDB yet.
//!
//! ```text
//! apply ──> gathering ── once it is due, or before a flush ──> leaving ──> RocksDB
//! read  ──> gathering, else leaving, else RocksDB
//! ```
//! RocksDB takes many mutations as one batch, in order of key, with one decree record and only the last value of each key, on
//! a thread that may wait; an apply costs a place in a table. Nothing becomes less durable: RocksDB's memtables live
//! no longer than this one, and the mutation log holds what is in either.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use common::types::{Body, Mutation, Writes};
use foldhash::HashMap;
use foldhash::fast::RandomState;
use parking_lot::{RwLock, RwLockReadGuard};

use super::decree::{Applied, DECREE_KEY};
use super::error::StorageError;
use super::record_cache::Records;
use super::rocks::Batch;

/// Bytes of mutations at which a table is due to leave.
const DUE_BYTES: usize = 1 << 20;
/// Writes at which it is.
const DUE_WRITES: usize = 1024;
/// A table so many times as large as one that is due takes nothing more: RocksDB cannot keep up.
const FULL: usize = 4;

/// Newest values in order of key; `None` is a deletion.
pub(super) type Newest = BTreeMap<Bytes, Option<Bytes>>;

/// One storage's write buffer.
#[derive(Default)]
pub(super) struct WriteBuffer {
    tables: RwLock<Tables>,
    due: AtomicBool,
}

/// Both tables, as of one moment.
#[derive(Clone, Default)]
pub(super) struct Tables {
    gathering: Table,
    leaving: Option<Arc<Table>>,
    /// Why RocksDB takes nothing more.
    failed: Option<StorageError>,
}

/// Mutations that follow each other.
#[derive(Clone, Default)]
pub(super) struct Table {
    /// The newest value of each key.
    newest: HashMap<Bytes, Option<Bytes>>,
    applied: Applied,
    /// Of all mutations, also of writes that others hid: their memory is held.
    bytes: usize,
    writes: usize,
}

impl WriteBuffer {
    /// Takes mutations that lead to `applied`. A reader sees all of them or none, except for single records in the cache,
    /// which it may see a moment earlier.
    ///
    /// # Errors
    /// If RocksDB takes nothing more.
    pub(super) fn take(
        &self,
        mutations: &[Arc<Mutation>],
        applied: Applied,
        cache: &Records,
    ) -> Result<(), StorageError> {
        let mut tables = self.tables.write();
        if let Some(error) = &tables.failed {
            return Err(error.clone());
        }
        let table = &mut tables.gathering;
        let was_due = table.reaches(1);
        mutations.iter().for_each(|mutation| table.add(mutation, cache));
        table.applied = applied;
        if table.reaches(1) && !was_due {
            self.due.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Whether a table became due since somebody last asked, who is to write it out.
    pub(super) fn take_due(&self) -> bool {
        self.due.load(Ordering::Relaxed) && self.due.swap(false, Ordering::Relaxed)
    }

    /// Whether it is to take nothing more before something has left.
    pub(super) fn is_full(&self) -> bool {
        self.tables.read().gathering.reaches(FULL)
    }

    /// Both tables: nothing is applied while the guard lives.
    pub(super) fn tables(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read()
    }

    /// The table that goes to RocksDB next; it stays readable until [`WriteBuffer::left`]. For one caller at a time.
    pub(super) fn leave(&self) -> Option<Arc<Table>> {
        // The next table will likely be as large as this one, which need not be found out step by step where clients wait.
        let writes = self.tables.read().gathering.newest.len();
        let next =
            Table { newest: HashMap::with_capacity_and_hasher(writes, RandomState::default()), ..Table::default() };
        let mut tables = self.tables.write();
        if tables.leaving.is_none() && tables.gathering.bytes > 0 {
            tables.leaving = Some(Arc::new(std::mem::replace(&mut tables.gathering, next)));
        }
        tables.leaving.clone()
    }

    /// What was leaving is in RocksDB.
    pub(super) fn left(&self) {
        // Its memory is given back outside the lock.
        let table = self.tables.write().leaving.take();
        drop(table);
    }

    /// RocksDB takes nothing more until it is opened again.
    pub(super) fn fail(&self, error: &StorageError) {
        self.tables.write().failed = Some(error.clone());
    }

    /// Begins anew, over a RocksDB that holds everything, or under none.
    pub(super) fn clear(&self) {
        let tables = std::mem::take(&mut *self.tables.write());
        drop(tables);
    }

    /// Bytes of the mutations in it.
    pub(super) fn bytes(&self) -> usize {
        let tables = self.tables.read();
        tables.gathering.bytes + tables.leaving.as_ref().map_or(0, |table| table.bytes)
    }
}

impl Tables {
    /// Up to where they lead; `None`: no further than RocksDB is.
    pub(super) fn applied(&self) -> Option<Applied> {
        let tables = [Some(&self.gathering), self.leaving.as_deref()];
        tables.into_iter().flatten().find(|table| table.bytes > 0).map(Table::applied)
    }

    /// The newest value of a key; `None` if RocksDB is to be asked.
    pub(super) fn get(&self, key: &[u8]) -> Option<Option<Bytes>> {
        let leaving = || self.leaving.as_ref().and_then(|table| table.newest.get(key));
        self.gathering.newest.get(key).or_else(leaving).cloned()
    }

    /// The newest values of keys with `start <= key < end` (empty `end`: to the end of the partition).
    pub(super) fn range(&self, start: &[u8], end: &[u8]) -> Newest {
        let within = |key: &Bytes| start <= &key[..] && (end.is_empty() || &key[..] < end);
        let tables = self.leaving.as_deref().into_iter().chain([&self.gathering]);
        let newest = tables.flat_map(|table| &table.newest).filter(|(key, _)| within(key));
        newest.map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

impl Table {
    /// Of mutations that lead to `applied`.
    pub(super) fn of(mutations: &[Arc<Mutation>], applied: Applied) -> Self {
        let mut table = Self { applied, ..Self::default() };
        for writes in mutations.iter().filter_map(|mutation| writes(mutation)) {
            table.put(writes, |_, _| ());
        }
        table
    }

    fn add(&mut self, mutation: &Mutation, cache: &Records) {
        self.bytes += mutation.size();
        let Some(writes) = writes(mutation) else { return };
        self.writes += writes.len();
        self.put(writes, |key, value| cache.overwrite(key, value));
    }

    /// `wrote` is told each record that is written.
    fn put(&mut self, writes: &Writes, wrote: impl Fn(&[u8], Option<&[u8]>)) {
        for op in writes.iter() {
            wrote(op.key(), op.value());
            let value = op.value().map(|value| writes.as_bytes().slice_ref(value));
            self.newest.insert(writes.as_bytes().slice_ref(op.key()), value);
        }
    }

    const fn reaches(&self, times: usize) -> bool {
        self.bytes >= times * DUE_BYTES || self.writes >= times * DUE_WRITES
    }

    /// Up to where it leads.
    pub(super) const fn applied(&self) -> Applied {
        self.applied
    }

    /// As RocksDB takes it.
    pub(super) fn batch(&self) -> Batch {
        let mut batch = Batch::with_capacity(self.bytes);
        let mut newest: Vec<_> = self.newest.iter().collect();
        newest.sort_unstable_by_key(|(key, _)| *key);
        for (key, value) in newest {
            match value {
                Some(value) => batch.put(key, value),
                None => batch.delete(key),
            }
        }
        batch.put(DECREE_KEY, &self.applied.encode());
        batch
    }
}

fn writes(mutation: &Mutation) -> Option<&Writes> {
    match &mutation.body {
        Body::Writes(writes) => Some(writes),
        Body::Opening { .. } => None,
    }
}

/// Shows what `walk` shows with newer values over it, in order of key, until `visit` says no. `walk` says whether it could
/// show everything, and so does this.
///
/// # Errors
/// Those of `walk`.
pub(super) fn visit_over(
    newer: Newest,
    walk: impl FnOnce(&mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<bool, StorageError>,
    visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
) -> Result<bool, StorageError> {
    let (mut newer, mut goes_on) = (newer.into_iter().peekable(), true);
    let is_whole = walk(&mut |key, value| {
        let mut is_hidden = false;
        while let Some((at, found)) = newer.next_if(|(at, _)| goes_on && &at[..] <= key) {
            is_hidden = at == key;
            goes_on = found.is_none_or(|found| visit(&at, &found));
        }
        goes_on = goes_on && (is_hidden || visit(key, value));
        goes_on
    })?;
    for (at, found) in newer.take_while(|_| is_whole) {
        if !goes_on {
            break;
        }
        goes_on = found.is_none_or(|found| visit(&at, &found));
    }
    Ok(is_whole)
}
