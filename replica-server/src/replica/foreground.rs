//! How fast this node's clients are served: the latency of their reads and writes over the last second.
//!
//! An operation costs one relaxed increment. Once a second the counts are compared with those of a second ago.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

/// Buckets per doubling: a quantile is exact to an eighth.
const PER_OCTAVE: usize = 8;
/// Up to more than an hour, in microseconds.
const BUCKETS: usize = 30 * PER_OCTAVE;

/// Latencies of client operations.
#[derive(Debug)]
pub(crate) struct Foreground {
    counts: [AtomicU64; BUCKETS],
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    before: [u64; BUCKETS],
    p99: Option<Duration>,
}

impl Default for Foreground {
    fn default() -> Self {
        let window = Mutex::new(Window { before: [0; BUCKETS], p99: None });
        Self { counts: [const { AtomicU64::new(0) }; BUCKETS], window }
    }
}

impl Foreground {
    /// An operation of a client was answered.
    pub(crate) fn served(&self, took: Duration) {
        if let Some(count) = self.counts.get(bucket(took)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A second has passed: returns the P99 of the operations that were answered in it, `None` if there were none.
    pub(crate) fn second(&self) -> Option<Duration> {
        let mut window = self.window.lock();
        let mut new = [0; BUCKETS];
        for ((count, before), new) in self.counts.iter().zip(&mut window.before).zip(&mut new) {
            let now = count.load(Ordering::Relaxed);
            *new = now - std::mem::replace(before, now);
        }
        window.p99 = p99(&new);
        window.p99
    }

    /// The P99 of the last second.
    pub(crate) fn p99(&self) -> Option<Duration> {
        self.window.lock().p99
    }
}

/// The upper bound of the bucket in which the 99th of 100 lies.
fn p99(counts: &[u64]) -> Option<Duration> {
    let total: u64 = counts.iter().sum();
    let rank = total - total / 100;
    let mut seen = 0;
    let at = counts.iter().position(|count| {
        seen += count;
        seen >= rank && seen > 0
    });
    at.map(|bucket| Duration::from_micros(bound(bucket)))
}

/// Below a doubling's worth of buckets each microsecond has its own.
fn bucket(took: Duration) -> usize {
    let micros = usize::try_from(took.as_micros()).unwrap_or(usize::MAX);
    let Some(octave) = micros.checked_ilog2().filter(|octave| *octave >= PER_OCTAVE.ilog2()) else { return micros };
    let shift = octave - PER_OCTAVE.ilog2();
    let part = (micros >> shift) - PER_OCTAVE;
    ((shift as usize + 1) * PER_OCTAVE + part).min(BUCKETS - 1)
}

/// The microseconds below which everything in a bucket lies.
const fn bound(bucket: usize) -> u64 {
    if bucket < PER_OCTAVE {
        return bucket as u64 + 1;
    }
    let (shift, part) = (bucket / PER_OCTAVE - 1, bucket % PER_OCTAVE);
    ((PER_OCTAVE + part + 1) as u64) << shift
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn micros(us: u64) -> Duration {
        Duration::from_micros(us)
    }

    #[test]
    fn the_p99_is_that_of_the_last_second_alone() {
        let foreground = Foreground::default();
        assert_eq!(foreground.second(), None);
        for _ in 0..980 {
            foreground.served(micros(100));
        }
        for _ in 0..20 {
            foreground.served(micros(50_000));
        }
        assert!(foreground.second().unwrap() >= micros(50_000));
        for _ in 0..1000 {
            foreground.served(micros(100));
        }
        assert!(foreground.second().unwrap() < micros(120));
        assert_eq!(foreground.p99(), Some(micros(104)));
        assert_eq!(foreground.second(), None);
    }

    #[test]
    fn one_of_a_hundred_may_be_slow() {
        let foreground = Foreground::default();
        for us in std::iter::repeat_n(100, 99).chain([1_000_000]) {
            foreground.served(micros(us));
        }
        assert!(foreground.second().unwrap() < micros(120));
    }

    #[test]
    fn a_single_slow_operation_is_the_p99_of_itself() {
        let foreground = Foreground::default();
        foreground.served(Duration::from_secs(100_000));
        assert!(foreground.second().unwrap() >= Duration::from_secs(3600));
    }

    proptest! {
        #[test]
        fn a_bucket_is_never_more_than_an_eighth_above_what_it_holds(us in 0_u64..3_600_000_000) {
            let bound = bound(bucket(micros(us)));
            prop_assert!(bound > us && bound - us <= us / 8 + 1, "{us}: {bound}");
        }
    }
}
