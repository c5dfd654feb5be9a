//! The only importer of the crate `rocksdb`: a thin, safe face of what Godwit uses of it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use bytes::Bytes;
use redis_data::encoding::Owner;
use rocksdb::checkpoint::Checkpoint;
use rocksdb::compaction_filter::Decision;
use rocksdb::{
    BlockBasedOptions, Cache, DB, DBCompressionType, DBPinnableSlice, DBRawIterator, Env, ErrorKind, LogLevel, Options,
    ReadOptions, ReadTier, WaitForCompactOptions, WriteBatch, WriteBufferManager, WriteOptions, properties,
};

use super::decree::{Applied, DECREE_KEY, ENCODED, RECORDS_END};
use super::error::StorageError;
use super::expiry::Expiry;
use super::options::{EngineOptions, LEVEL0_SLOWDOWN, LEVEL0_STOP};

type Result<T> = std::result::Result<T, StorageError>;

thread_local! {
    // Options cannot be shared between threads, and making them costs as much as a cached read.
    static CACHE_ONLY: ReadOptions = tier(ReadTier::BlockCache);
    static PERSISTED: ReadOptions = tier(ReadTier::Persisted);
    static UNLOGGED: WriteOptions = unlogged();
}

/// How a batch is written: the mutation log holds it already, and it is in order of key, so the place of one record is near
/// that of the last.
fn unlogged() -> WriteOptions {
    let mut options = WriteOptions::default();
    options.disable_wal(true);
    options.set_memtable_insert_hint_per_batch(true);
    options
}

fn tier(tier: ReadTier) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_read_tier(tier);
    options
}

/// What all databases of the node share: cache, memtable budget, threads, rate limiter.
pub(super) struct Shared {
    options: Options,
    cache: Cache,
    buffers: WriteBufferManager,
}

impl Shared {
    pub(super) fn new(settings: &EngineOptions) -> Result<Self> {
        let mut env = Env::new().map_err(|error| convert(Path::new("(environment)"), &error))?;
        env.set_low_priority_background_threads(settings.background_threads);
        env.set_high_priority_background_threads(settings.background_threads);
        // Compactions, which are never in a hurry, leave the processors to those who serve: where they fall too far behind,
        // writers are held back, and they have them.
        env.lower_thread_pool_cpu_priority();
        let cache = Cache::new_lru_cache(settings.cache_bytes);
        let buffers = WriteBufferManager::new_write_buffer_manager(settings.write_buffers_bytes, false);
        let mut options = database_options(settings)?;
        options.set_env(&env);
        options.set_write_buffer_manager(&buffers);
        options.set_block_based_table_factory(&table_options(Some(&cache)));
        if let Some(rate) = settings.rate_bytes_per_s {
            options.set_ratelimiter(rate, 100_000, 10);
        }
        Ok(Self { options, cache, buffers })
    }

    /// Bytes in the block cache, and bytes in all memtables.
    pub(super) fn memory(&self) -> (usize, usize) {
        (self.cache.get_usage(), self.buffers.get_usage())
    }
}

fn database_options(settings: &EngineOptions) -> Result<Options> {
    // The log of the disk holds what is not flushed: a close must not write (rule MOVES: nothing is flushed inside the
    // window). The crate has no setter for it.
    let mut options = Options::default()
        .get_options_from_string("avoid_flush_during_shutdown=true")
        .map_err(|error| convert(Path::new("(options)"), &error))?;
    options.set_write_buffer_size(settings.memtable_bytes);
    options.set_max_write_buffer_number(4);
    options.set_max_background_jobs(settings.background_threads * 2);
    options.set_max_open_files(settings.open_files);
    options.set_level_compaction_dynamic_level_bytes(true);
    options.set_level_zero_slowdown_writes_trigger(i32::try_from(LEVEL0_SLOWDOWN).unwrap_or(i32::MAX));
    options.set_level_zero_stop_writes_trigger(i32::try_from(LEVEL0_STOP).unwrap_or(i32::MAX));
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_bottommost_compression_type(DBCompressionType::Zstd);
    options.set_bytes_per_sync(1 << 20);
    options.set_keep_log_file_num(2);
    options.set_max_log_file_size(1 << 20);
    options.set_log_level(LogLevel::Warn);
    options.set_stats_dump_period_sec(0);
    Ok(options)
}

fn table_options(cache: Option<&Cache>) -> BlockBasedOptions {
    let mut table = BlockBasedOptions::default();
    table.set_bloom_filter(10.0, false);
    table.set_format_version(5);
    table.set_block_size(8 << 10);
    match cache {
        Some(cache) => table.set_block_cache(cache),
        None => table.disable_cache(),
    }
    table
}

/// How a database is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// It must not exist.
    Create,
    /// It must exist.
    Open,
}

/// Which copies of a record a read may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tier {
    All,
    CacheOnly,
    Persisted,
}

/// An open database.
pub(super) struct Rocks {
    /// Shared with the compaction filter, which holds it only while a compaction runs.
    db: Arc<DB>,
    dir: PathBuf,
    /// Snapshots that are being read.
    moments: Arc<AtomicUsize>,
}

impl Drop for Rocks {
    fn drop(&mut self) {
        // No compaction may be the last to let go of the database: it would wait for itself.
        self.stop();
    }
}

/// Whether a record is a field of a hash that is no more. Not while a moment is read that may be older than the end of that
/// hash: RocksDB's filters remove what snapshots still see.
fn is_orphan(db: Option<&Weak<DB>>, moments: &AtomicUsize, expiry: &Expiry, key: &[u8], value: &[u8]) -> bool {
    let Some(owner) = Owner::of(key, value) else { return false };
    // The order matters: a moment that begins after this look sees what the next line sees.
    if moments.load(Ordering::SeqCst) > 0 {
        return false;
    }
    let Some(db) = db.and_then(Weak::upgrade) else { return false };
    let head = db.get_pinned(owner.head);
    head.is_ok_and(|head| owner.is_gone(head.as_deref(), expiry.horizon_ms()))
}

/// Counts a moment for as long as it is read.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(moments: &Arc<AtomicUsize>) -> Self {
        moments.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(moments))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Rocks {
    pub(super) fn open(shared: &Shared, dir: &Path, mode: Mode, expiry: Expiry) -> Result<Self> {
        let mut options = shared.options.clone();
        options.create_if_missing(mode == Mode::Create);
        options.set_error_if_exists(mode == Mode::Create);
        let (own, moments) = (Arc::new(OnceLock::<Weak<DB>>::new()), Arc::<AtomicUsize>::default());
        let (filters, open) = (Arc::clone(&own), Arc::clone(&moments));
        options.set_compaction_filter("godwit.expiry", move |_level, key: &[u8], value: &[u8]| {
            let is_gone = expiry.is_gone(key, value) || is_orphan(filters.get(), &open, &expiry, key, value);
            if is_gone { Decision::Remove } else { Decision::Keep }
        });
        let db = Arc::new(DB::open(&options, dir).map_err(|error| convert(dir, &error))?);
        let _ = own.set(Arc::downgrade(&db));
        Ok(Self { db, dir: dir.to_owned(), moments })
    }

    /// Opens without writing anything, past every cache, so that what is read comes from the files.
    pub(super) fn open_read_only(dir: &Path) -> Result<Self> {
        let mut options = Options::default();
        options.set_max_open_files(64);
        options.set_block_based_table_factory(&table_options(None));
        let db = Arc::new(DB::open_for_read_only(&options, dir, false).map_err(|error| convert(dir, &error))?);
        Ok(Self { db, dir: dir.to_owned(), moments: Arc::default() })
    }

    pub(super) fn applied(&self, tier: Tier) -> Result<Applied> {
        applied(&self.dir, self.get(DECREE_KEY, tier)?.flatten())
    }

    /// `None`: not to be seen in that tier.
    pub(super) fn get(&self, key: &[u8], tier: Tier) -> Result<Option<Option<Bytes>>> {
        let found = match tier {
            Tier::All => self.db.get_pinned(key),
            Tier::CacheOnly => CACHE_ONLY.with(|options| self.db.get_pinned_opt(key, options)),
            Tier::Persisted => PERSISTED.with(|options| self.db.get_pinned_opt(key, options)),
        };
        match found {
            Ok(value) => Ok(Some(value.map(copy))),
            Err(error) if tier == Tier::CacheOnly && error.kind() == ErrorKind::Incomplete => Ok(None),
            Err(error) => Err(convert(&self.dir, &error)),
        }
    }

    /// Writes a batch as one; waits while RocksDB holds writers back.
    pub(super) fn write(&self, batch: Batch) -> Result<()> {
        let written = UNLOGGED.with(|options| self.db.write_opt(batch.0, options));
        written.map_err(|error| convert(&self.dir, &error))
    }

    /// The present moment, to be read in that tier.
    pub(super) fn snapshot(&self, tier: Tier) -> Snapshot<'_> {
        let counted = Counted::new(&self.moments);
        Snapshot { snapshot: self.db.snapshot(), dir: &self.dir, tier, _counted: counted }
    }

    pub(super) fn flush(&self) -> Result<()> {
        self.db.flush().map_err(|error| convert(&self.dir, &error))
    }

    pub(super) fn checkpoint(&self, to: &Path) -> Result<()> {
        // 0: flush first. Without RocksDB's log anything else would leave out what is in memory.
        let made = Checkpoint::new(&self.db).and_then(|checkpoint| checkpoint.create_checkpoint_with_log_size(to, 0));
        made.map_err(|error| convert(&self.dir, &error))
    }

    pub(super) fn set_auto_compaction(&self, on: bool) -> Result<()> {
        let value = if on { "false" } else { "true" };
        self.db.set_options(&[("disable_auto_compactions", value)]).map_err(|error| convert(&self.dir, &error))
    }

    pub(super) fn await_background(&self, timeout_us: u64) -> Result<()> {
        let mut options = WaitForCompactOptions::default();
        options.set_timeout(timeout_us);
        self.db.wait_for_compact(&options).map_err(|error| convert(&self.dir, &error))
    }

    pub(super) fn compact(&self) {
        self.db.compact_range(None::<&[u8]>, None::<&[u8]>);
    }

    pub(super) fn level0_files(&self) -> Result<u64> {
        let name = properties::num_files_at_level(0);
        let text = self.db.property_value(&name).map_err(|error| convert(&self.dir, &error))?;
        Ok(text.and_then(|text| text.parse().ok()).unwrap_or(0))
    }

    pub(super) fn number(&self, which: Number) -> Result<u64> {
        let name = match which {
            Number::TableBytes => properties::TOTAL_SST_FILES_SIZE,
            Number::MemtableBytes => properties::CUR_SIZE_ALL_MEM_TABLES,
            Number::BackgroundErrors => properties::BACKGROUND_ERRORS,
            Number::DelayedWriteRate => properties::ACTUAL_DELAYED_WRITE_RATE,
            Number::WritesStopped => properties::IS_WRITE_STOPPED,
            Number::PendingCompactionBytes => properties::ESTIMATE_PENDING_COMPACTION_BYTES,
        };
        let value = self.db.property_int_value(name).map_err(|error| convert(&self.dir, &error))?;
        Ok(value.unwrap_or(0))
    }

    pub(super) fn identity(&self) -> Result<String> {
        let bytes = self.db.get_db_identity().map_err(|error| convert(&self.dir, &error))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Stops background work; dropping then closes at once.
    pub(super) fn stop(&self) {
        self.db.cancel_all_background_work(true);
    }
}

/// Shows records from `start` on until `visit` says no, or the iterator ends; its status says why.
fn pass(iterator: &mut DBRawIterator<'_>, start: &[u8], visit: &mut dyn FnMut(&[u8], &[u8]) -> bool) {
    iterator.seek(start);
    while let Some((key, value)) = iterator.item() {
        if !visit(key, value) {
            return;
        }
        iterator.next();
    }
}

/// One moment of a database.
pub(super) struct Snapshot<'a> {
    snapshot: rocksdb::Snapshot<'a>,
    dir: &'a Path,
    tier: Tier,
    _counted: Counted,
}

impl Snapshot<'_> {
    /// `None`: not to be seen in this tier.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Option<Bytes>>> {
        let mut options = ReadOptions::default();
        if self.tier == Tier::CacheOnly {
            options.set_read_tier(ReadTier::BlockCache);
        }
        match self.snapshot.get_pinned_opt(key, options) {
            Ok(value) => Ok(Some(value.map(copy))),
            Err(error) if self.tier == Tier::CacheOnly && error.kind() == ErrorKind::Incomplete => Ok(None),
            Err(error) => Err(convert(self.dir, &error)),
        }
    }

    /// The stored values, in the order of the keys.
    pub(super) fn multi_get<'k>(&self, keys: impl Iterator<Item = &'k Bytes>) -> Result<Vec<Option<Bytes>>> {
        let found = self.snapshot.multi_get(keys);
        let convert = |error: rocksdb::Error| convert(self.dir, &error);
        found.into_iter().map(|value| value.map(|value| value.map(Bytes::from)).map_err(convert)).collect()
    }

    /// Up to where it is applied.
    pub(super) fn applied(&self) -> Result<Applied> {
        applied(self.dir, self.get(DECREE_KEY)?.flatten())
    }

    /// Visits records with `start <= key < end` in order until `visit` says no. `end` empty: all from `start` on. `cold`: as a
    /// scrub reads, past the cache. False: not all of it is to be seen in this tier.
    pub(super) fn visit(
        &self,
        start: &[u8],
        end: &[u8],
        cold: bool,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<bool> {
        let mut options = range_options(end, cold);
        if self.tier == Tier::CacheOnly {
            options.set_read_tier(ReadTier::BlockCache);
        }
        let mut iterator = self.snapshot.raw_iterator_opt(options);
        pass(&mut iterator, start, visit);
        match iterator.status() {
            Ok(()) => Ok(true),
            Err(error) if self.tier == Tier::CacheOnly && error.kind() == ErrorKind::Incomplete => Ok(false),
            Err(error) => Err(convert(self.dir, &error)),
        }
    }
}

/// What a decree record says.
fn applied(dir: &Path, record: Option<Bytes>) -> Result<Applied> {
    let applied = record.as_deref().and_then(Applied::decode);
    applied.ok_or_else(|| StorageError::corruption(dir, "the decree record is missing or malformed"))
}

/// A number that RocksDB knows of a database.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    TableBytes,
    MemtableBytes,
    BackgroundErrors,
    DelayedWriteRate,
    WritesStopped,
    PendingCompactionBytes,
}

/// Writes that become visible, and later durable, together.
pub(super) struct Batch(WriteBatch);

impl Batch {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(WriteBatch::with_capacity_bytes(bytes + DECREE_KEY.len() + ENCODED + 16))
    }

    pub(super) fn put(&mut self, key: &[u8], value: &[u8]) {
        self.0.put(key, value);
    }

    pub(super) fn delete(&mut self, key: &[u8]) {
        self.0.delete(key);
    }
}

fn range_options(end: &[u8], cold: bool) -> ReadOptions {
    let mut options = ReadOptions::default();
    let end = if end.is_empty() || end > RECORDS_END { RECORDS_END } else { end };
    options.set_iterate_upper_bound(end);
    options.set_verify_checksums(true);
    if cold {
        options.fill_cache(false);
        options.set_readahead_size(1 << 20);
    }
    options
}

fn copy(slice: DBPinnableSlice<'_>) -> Bytes {
    Bytes::copy_from_slice(&slice)
}

fn convert(dir: &Path, error: &rocksdb::Error) -> StorageError {
    let (dir, cause) = (dir.to_owned(), error.to_string());
    if cause.contains("No space left") || cause.contains("NoSpace") {
        return StorageError::NoSpace { dir, cause };
    }
    let kind = error.kind();
    if kind == ErrorKind::Corruption {
        return StorageError::Corruption { dir, cause };
    }
    if kind == ErrorKind::TimedOut {
        return StorageError::TimedOut { what: "RocksDB", dir };
    }
    StorageError::Io { dir, cause }
}
