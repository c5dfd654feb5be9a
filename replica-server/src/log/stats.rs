//! What the log counts, as plain numbers; `/metrics` gives them their names.

use std::sync::atomic::{AtomicU64, Ordering};

/// Upper bounds of buckets: powers of two from 1.
const BUCKETS: usize = 28;

/// A histogram with power-of-two buckets: bucket `i` counts values up to and including `2^i`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Counts per bucket; the last one also has everything above.
    pub buckets: Vec<u64>,
    /// Sum of all values.
    pub sum: u64,
    /// Number of values.
    pub count: u64,
}

impl Histogram {
    /// The upper bound of the bucket in which the quantile (0 to 1) lies.
    #[must_use]
    pub fn quantile(&self, quantile: f64) -> u64 {
        let mut left = (self.count as f64 * quantile).ceil() as u64;
        for (bucket, count) in self.buckets.iter().enumerate() {
            if left <= *count {
                return 1 << bucket;
            }
            left -= count;
        }
        0
    }
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    buckets: [AtomicU64; BUCKETS],
    sum: AtomicU64,
    count: AtomicU64,
}

impl Counts {
    pub(super) fn record(&self, value: u64) {
        let bucket = (u64::BITS - value.max(1).saturating_sub(1).leading_zeros()) as usize;
        if let Some(bucket) = self.buckets.get(bucket.min(BUCKETS - 1)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(value, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> Histogram {
        let buckets = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        Histogram { buckets, sum: self.sum.load(Ordering::Relaxed), count: self.count.load(Ordering::Relaxed) }
    }
}

/// Kept by the writer.
#[derive(Debug, Default)]
pub(super) struct Stats {
    pub appends: AtomicU64,
    pub bytes: AtomicU64,
    pub failed: AtomicU64,
    pub syncs_us: Counts,
    pub group_frames: Counts,
    pub group_bytes: Counts,
}

/// What the log counted since it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogStats {
    /// Records appended.
    pub appends: u64,
    /// Bytes written, with headers.
    pub bytes: u64,
    /// Appends that failed.
    pub failed: u64,
    /// Fsyncs and their time in microseconds.
    pub syncs_us: Histogram,
    /// Groups and the records in each.
    pub group_frames: Histogram,
    /// Groups and the bytes in each.
    pub group_bytes: Histogram,
    /// Segments there are now.
    pub segments: u64,
    /// Bytes of records that are there now (of whom: `DiskLog::held`).
    pub held_bytes: u64,
    /// Preallocated bytes that can be written.
    pub capacity_bytes: u64,
    /// Of those, promised to reservations.
    pub promised_bytes: u64,
}

impl Stats {
    pub(super) fn read(&self) -> LogStats {
        LogStats {
            appends: self.appends.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            syncs_us: self.syncs_us.read(),
            group_frames: self.group_frames.read(),
            group_bytes: self.group_bytes.read(),
            ..LogStats::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_falls_into_the_bucket_that_bounds_it() {
        let counts = Counts::default();
        for value in [0, 1, 2, 3, 4, 1000, u64::MAX / 2] {
            counts.record(value);
        }
        let read = counts.read();
        assert_eq!(read.buckets[..3], [2, 1, 2]);
        assert_eq!((read.buckets[10], read.buckets[BUCKETS - 1], read.count), (1, 1, 7));
        assert_eq!(read.quantile(0.5), 4);
    }
}
