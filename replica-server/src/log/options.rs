//! Settings of a disk's log, each with its default and unit.

use std::path::PathBuf;
use std::time::Duration;

use common::clock::Clock;

/// When an append counts as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncMode {
    /// Once fsynced. The only mode in which a power cut loses nothing.
    Always,
    /// Once written; fsynced at this interval.
    Interval(Duration),
    /// Once written; fsynced when a segment is full.
    Never,
}

/// Settings of a disk's log.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// Its directory; made if it is missing (its parent exists).
    pub dir: PathBuf,
    /// When an append counts as done. Default `Always`.
    pub sync: SyncMode,
    /// Size of a segment in bytes. Default 64 MiB. No record is longer than a quarter of it, no write than an eighth.
    pub segment_bytes: u64,
    /// Segments that nobody needs any more and that are kept to be written again, at most. Default 4. To overwrite costs less
    /// than to grow: no journal takes part in the fsync, no block is freed and found anew.
    pub spares_max: usize,
    /// Kept free so that a full disk can still flush memtables, in bytes. Default 64 MiB.
    pub reserve_bytes: u64,
    /// Above this, replicas that hold the oldest segment are named as laggards, in bytes. Default 512 MiB.
    pub held_bytes_target: u64,
    /// How often space is looked for again while there is none. Default 500 ms.
    pub space_retry: Duration,
    /// After this long without an append, what is known durable is noted in the log. Default 50 ms.
    pub mark_after: Duration,
    /// Source of time for latencies, stalls and deadlines of pins.
    pub clock: Clock,
}

impl LogOptions {
    /// Defaults for a directory.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            sync: SyncMode::Always,
            segment_bytes: 64 << 20,
            spares_max: 4,
            reserve_bytes: 64 << 20,
            held_bytes_target: 512 << 20,
            space_retry: Duration::from_millis(500),
            mark_after: Duration::from_millis(50),
            clock: Clock::System,
        }
    }

    /// Brings sizes into what the format allows: a segment has 64 KiB to 1 GiB and a multiple of 4 KiB.
    #[must_use]
    pub(super) fn sanitized(mut self) -> Self {
        self.segment_bytes = self.segment_bytes.clamp(64 << 10, 1 << 30).next_multiple_of(4096);
        self
    }

    /// The longest single write for which space is set aside, in bytes with its headers: half a frame. The last write of a
    /// batch may overshoot the batch's size, and both must fit into one frame.
    #[must_use]
    pub(super) const fn write_bytes_max(&self) -> u64 {
        self.frame_bytes_max() / 2
    }

    /// The longest frame, in bytes with its header.
    #[must_use]
    pub(super) const fn frame_bytes_max(&self) -> u64 {
        self.segment_bytes / 4
    }
}
