//! Settings of the storage engine, each with its default and unit.

/// Files in level 0 at which RocksDB begins to slow writers down. A disk move that holds compactions back ends that
/// before it is reached.
pub const LEVEL0_SLOWDOWN: u64 = 40;

/// Files in level 0 at which RocksDB stops writers.
pub(super) const LEVEL0_STOP: u64 = 64;

/// Settings that all replicas of a node share.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Block cache of all replicas together, in bytes. Default 512 MiB (the server derives it from RAM).
    pub cache_bytes: usize,
    /// Cache of single records of all replicas together, in bytes. Default 64 MiB (the server derives it from RAM).
    pub record_cache_bytes: usize,
    /// Memtables of all replicas together, in bytes; past it the replica that writes is flushed. Default 256 MiB.
    pub write_buffers_bytes: usize,
    /// One replica's memtable, in bytes. Default 32 MiB.
    pub memtable_bytes: usize,
    /// Background threads for flushes, and as many for compactions. Default 2.
    pub background_threads: i32,
    /// Flushes and compactions of all replicas together write at most so much; `None`: no limit. Default `None`.
    pub rate_bytes_per_s: Option<i64>,
    /// Table files that one replica keeps open. Default 512.
    pub open_files: i32,
    /// A compaction drops a record only this long after its expiry, in ms: clocks may differ by so much (rule TIME).
    /// Default 60,000.
    pub clock_skew_ms: u64,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 512 << 20,
            record_cache_bytes: 64 << 20,
            write_buffers_bytes: 256 << 20,
            memtable_bytes: 32 << 20,
            background_threads: 2,
            rate_bytes_per_s: None,
            open_files: 512,
            clock_skew_ms: 60_000,
        }
    }
}
