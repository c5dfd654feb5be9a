//! The mutation log of a disk, shared by its replicas: group commit on a thread of its own, an index by replica,
//! recovery that tells a torn tail from damage, and removal of what nobody needs (rules LOG, PINS).
//!
//! ```text
//! ReplicaLog::append ─> queue ─> writer thread: one pwritev, one fdatasync ─> index ─> AppendSink::durable
//!                                       │ segment full, cut, or failed
//!                                       └─> fsync it, next segment (header durable before its first frame)
//! open: segments in order ─> scan ─> index + damage ─> fsync the tail ─> a new segment
//! ```
//!
//! An fsync is never repeated: after one failed the log is poisoned, and its replicas are cured elsewhere.

mod error;
mod format;
mod gc;
mod handle;
mod index;
mod options;
mod pins;
mod queue;
mod reader;
mod recovery;
mod scan;
mod segment;
mod space;
mod stats;
mod tail;
#[cfg(test)]
mod tests;
mod writer;

pub use error::LogError;
pub use gc::{Collected, Laggard};
pub use handle::{AppendSink, DiskLog, LogStatus, ReplicaLog};
pub use index::ReplicaKey;
pub use options::{LogOptions, SyncMode};
pub use pins::Pin;
pub use reader::LogScrub;
pub use recovery::{Concern, Cut, Damage, Recovery};
pub use space::Reservation;
pub use stats::{Histogram, LogStats};
