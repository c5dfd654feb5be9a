//! What a node's moves count as they go.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::job::ThrottledBy;
use common::metrics::seconds_histogram;
use prometheus_client::metrics::histogram::Histogram;

/// Shared by all moves of a node; since the process began.
#[derive(Debug)]
pub struct MoveMeters {
    copied_bytes: AtomicU64,
    /// Microseconds, in the order of [`ThrottledBy::ALL`].
    throttled_us: [AtomicU64; 3],
    /// From CLOSED to COMPLETED, in seconds.
    pub window: Histogram,
}

impl Default for MoveMeters {
    fn default() -> Self {
        Self { copied_bytes: AtomicU64::new(0), throttled_us: Default::default(), window: seconds_histogram() }
    }
}

impl MoveMeters {
    /// Bytes were copied.
    pub(super) fn copied(&self, bytes: u64) {
        self.copied_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// A copy waited for its limits, in the order of [`ThrottledBy::ALL`].
    pub(super) fn waited(&self, waits: &[Duration]) {
        for (total, waited) in self.throttled_us.iter().zip(waits) {
            total.fetch_add(u64::try_from(waited.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    /// Bytes copied so far.
    #[must_use]
    pub fn copied_bytes(&self) -> u64 {
        self.copied_bytes.load(Ordering::Relaxed)
    }

    /// How long copies waited for each limit so far.
    pub fn throttled(&self) -> impl Iterator<Item = (ThrottledBy, Duration)> + '_ {
        let waited = |total: &AtomicU64| Duration::from_micros(total.load(Ordering::Relaxed));
        ThrottledBy::ALL.into_iter().zip(self.throttled_us.iter().map(waited))
    }
}
