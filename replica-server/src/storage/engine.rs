//! What all storages of a node share.

use std::path::Path;
use std::sync::Arc;

use common::pool::Pool;

use super::error::StorageError;
use super::options::EngineOptions;
use super::record_cache::{RecordCache, RecordCacheStats};
use super::rocks::Shared;

/// What all storages of a node share: caches, memtable budget, background threads, rate limiter. Clones are the same
/// engine.
#[derive(Clone)]
pub struct Engine {
    pub(super) shared: Arc<Shared>,
    pub(super) records: Arc<RecordCache>,
    pub(super) skew_ms: u64,
    /// Gives RocksDB what was applied. One thread: many replicas become due at the same time, and clients are served meanwhile.
    pub(super) writer: Arc<Pool>,
}

impl Engine {
    /// Builds it. The background threads belong to the process: a second engine sets their number anew.
    ///
    /// # Errors
    /// [`StorageError::Io`] if RocksDB refuses the settings.
    pub fn new(options: &EngineOptions) -> Result<Self, StorageError> {
        let records = Arc::new(RecordCache::new(options.record_cache_bytes));
        let no_thread = |error| StorageError::io(Path::new("(threads)"), &error);
        let writer = Arc::new(Pool::new("storage-writer", 1).map_err(no_thread)?);
        Ok(Self { shared: Arc::new(Shared::new(options)?), records, skew_ms: options.clock_skew_ms, writer })
    }

    /// Bytes in the block cache, and bytes in all memtables.
    #[must_use]
    pub fn memory(&self) -> (usize, usize) {
        self.shared.memory()
    }

    /// The cache of records.
    #[must_use]
    pub fn record_cache(&self) -> RecordCacheStats {
        self.records.stats()
    }
}
