//! Records by key, in front of everything: a record that is here is not searched for in memtables and blocks.
//!
//! It never tells an older state than the storage does. A write of a key puts the new value in the place of the old one while
//! whoever asks the storage has to wait for it; and what a read found is put here only if no write of the shard came between:
//!
//! ```text
//! write:  (write buffer locked: here ── buffer)
//! read:   look ── not here: a ticket ── write buffer ── RocksDB ── put it here, unless something was written since the ticket
//! ```
//! So whoever saw the new value sees no older one here afterwards: before the write buffer shows it, it is here, or nothing is and
//! no older ticket counts.
//!
//! A write puts no new keys here, only reads do: most of what is written is not read soon.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use quick_cache::unsync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, Equivalent, Weighter};

/// More shards make it rarer that two threads, or a read and a write of different keys, meet in one.
const SHARDS: usize = 256;
/// Longer values are left to RocksDB: to copy one costs more than to search for it.
const VALUE_BYTES_MAX: usize = 16 << 10;
/// What an entry costs besides its key and value, in bytes: its place in the table and in the list, two allocations.
const ENTRY_BYTES: u64 = 128;

/// The cache of a node.
pub(super) struct RecordCache {
    shards: Box<[Mutex<Shard>]>,
    hasher: DefaultHashBuilder,
    storages: AtomicU64,
}

/// What lookups found, since the start of the node, and bytes now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordCacheStats {
    /// Lookups that found their record.
    pub hits: u64,
    /// Lookups that did not.
    pub misses: u64,
    /// Bytes of keys and values, with what it costs to keep them.
    pub bytes: u64,
}

struct Shard {
    records: Cache<Key, Option<Bytes>, Weight, DefaultHashBuilder>,
    /// Writes so far.
    writes: u64,
    hits: u64,
    misses: u64,
}

/// A key of a storage.
#[derive(PartialEq, Eq)]
struct Key {
    storage: u64,
    key: Box<[u8]>,
}

/// The same, borrowed.
#[derive(Clone, Copy)]
struct KeyRef<'k> {
    storage: u64,
    key: &'k [u8],
}

impl std::hash::Hash for Key {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        KeyRef { storage: self.storage, key: &self.key }.hash(state);
    }
}

impl std::hash::Hash for KeyRef<'_> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write_u64(self.storage);
        state.write(self.key);
    }
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.storage == key.storage && *self.key == *key.key
    }
}

#[derive(Clone)]
struct Weight;

impl Weighter<Key, Option<Bytes>> for Weight {
    fn weight(&self, key: &Key, value: &Option<Bytes>) -> u64 {
        ENTRY_BYTES + key.key.len() as u64 + value.as_ref().map_or(0, |value| value.len() as u64)
    }
}

/// What the cache says of a key.
enum Look {
    /// The stored value, or that there is no such record.
    Known(Option<Bytes>),
    /// Not here. With the ticket, what the storage says may be put here.
    Unknown(Ticket),
}

/// The writes on a shard when a read began.
#[derive(Clone, Copy)]
struct Ticket(u64);

impl RecordCache {
    /// For at most so many bytes; 0: nothing is kept.
    pub(super) fn new(bytes: usize) -> Self {
        let bytes = bytes as u64 / SHARDS as u64;
        let entries = usize::try_from(bytes / (2 * ENTRY_BYTES)).unwrap_or(usize::MAX);
        let hasher = DefaultHashBuilder::default();
        let shard = || Shard {
            records: Cache::with(entries, bytes, Weight, hasher.clone(), DefaultLifecycle::default()),
            writes: 0,
            hits: 0,
            misses: 0,
        };
        Self {
            shards: (0..SHARDS).map(|_| Mutex::new(shard())).collect(),
            hasher: hasher.clone(),
            storages: AtomicU64::new(0),
        }
    }

    pub(super) fn stats(&self) -> RecordCacheStats {
        self.shards.iter().fold(RecordCacheStats::default(), |sum, shard| {
            let shard = shard.lock();
            RecordCacheStats {
                hits: sum.hits + shard.hits,
                misses: sum.misses + shard.misses,
                bytes: sum.bytes + shard.records.weight(),
            }
        })
    }

    fn shard(&self, key: KeyRef<'_>) -> &Mutex<Shard> {
        // The table of a shard uses the lower bits, and marks its places by the uppermost.
        let index = (self.hasher.hash_one(key) >> 40) as usize % SHARDS;
        #[allow(clippy::indexing_slicing, reason = "a remainder of the length")]
        &self.shards[index]
    }
}

impl Shard {
    fn look(&mut self, key: KeyRef<'_>) -> Look {
        if let Some(value) = self.records.get(&key) {
            self.hits += 1;
            return Look::Known(value.clone());
        }
        self.misses += 1;
        Look::Unknown(Ticket(self.writes))
    }

    fn put(&mut self, key: KeyRef<'_>, value: Option<Bytes>, ticket: Ticket) {
        if self.writes == ticket.0 && value.as_ref().is_none_or(|value| value.len() <= VALUE_BYTES_MAX) {
            self.records.insert(Key { storage: key.storage, key: key.key.into() }, value);
        }
    }

    fn overwrite(&mut self, key: KeyRef<'_>, value: Option<&[u8]>) {
        self.writes += 1;
        if value.is_some_and(|value| value.len() > VALUE_BYTES_MAX) {
            self.records.remove(&key);
        } else if let Some(mut place) = self.records.peek_mut(&key) {
            *place = value.map(Bytes::copy_from_slice);
        }
    }
}

/// One opening of a storage, as the cache sees it: what an earlier one left is never found.
pub(super) struct Records {
    cache: Arc<RecordCache>,
    storage: u64,
}

impl Records {
    pub(super) fn new(cache: &Arc<RecordCache>) -> Self {
        Self { cache: Arc::clone(cache), storage: cache.storages.fetch_add(1, Ordering::Relaxed) }
    }

    /// The record, from here or from `fetch` (whose `None` means that it does not know).
    ///
    /// # Errors
    /// What `fetch` fails with.
    pub(super) fn read<E>(
        &self,
        key: &[u8],
        fetch: impl FnOnce() -> Result<Option<Option<Bytes>>, E>,
    ) -> Result<Option<Option<Bytes>>, E> {
        let key = KeyRef { storage: self.storage, key };
        let shard = self.cache.shard(key);
        let ticket = match shard.lock().look(key) {
            Look::Known(value) => return Ok(Some(value)),
            Look::Unknown(ticket) => ticket,
        };
        let found = fetch()?;
        if let Some(value) = &found {
            shard.lock().put(key, value.clone(), ticket);
        }
        Ok(found)
    }

    /// A record is being written, or removed (`None`); whoever asks the storage for it finds the new value once this returns.
    pub(super) fn overwrite(&self, key: &[u8], value: Option<&[u8]>) {
        let key = KeyRef { storage: self.storage, key };
        self.cache.shard(key).lock().overwrite(key, value);
    }
}
