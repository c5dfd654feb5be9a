//! One replica's data: one RocksDB per replica over an [`Engine`] that all replicas of the node share.
//!
//! ```text
//! Engine (caches of records and blocks, write buffers, threads, rate limit)
//!   └─ Storage: records  slot | hash key | sort key -> value      ┐ one column family, one WriteBatch:
//!               0xFFFF 'd'                -> decree, ballot, time ┘ what is flushed is a consistent prefix
//! ```
//!
//! RocksDB's own log is off: the disk's mutation log holds what is not flushed. So closing flushes nothing, and a
//! storage opens at its flushed decree.

mod apply;
mod checkpoint;
mod decree;
mod digest;
mod engine;
mod error;
mod expiry;
mod moment;
mod options;
mod read;
mod record_cache;
mod rocks;
mod scan;
mod scrub;
mod store;
#[cfg(test)]
mod tests;
mod upkeep;
mod write_buffer;

pub use checkpoint::{Checkpoint, CheckpointFile};
pub use decree::{Applied, DECREE_KEY};
pub use engine::Engine;
pub use error::StorageError;
pub use moment::{Moment, Reach};
pub use options::{EngineOptions, LEVEL0_SLOWDOWN};
pub use read::Cached;
pub use record_cache::RecordCacheStats;
pub use scan::{Counted, ScanLimit, Scanned};
pub use scrub::Scrubbed;
pub use store::Storage;
