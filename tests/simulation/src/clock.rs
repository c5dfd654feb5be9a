//! A node's clocks: one that drifts and never stops, one that may be set to anything.

use common::types::{Now, Time};

/// The clocks of one node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// Where CLOCK_BOOTTIME stood at true time 0, in microseconds.
    pub(crate) base: u64,
    /// How much faster than true time it runs, in parts per million.
    pub(crate) drift_ppm: i64,
    /// Unix milliseconds at true time 0; changed when somebody sets the clock.
    pub(crate) wall_ms: i64,
}

impl Clock {
    pub(crate) fn now(&self, truth: u64) -> Now {
        let truth = i64::try_from(truth).unwrap_or(i64::MAX);
        let run = truth + truth / 1000 * self.drift_ppm / 1000;
        let mono = Time(self.base + run.unsigned_abs());
        Now { mono, wall_ms: (self.wall_ms + truth / 1000).unsigned_abs() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_clock_falls_behind_by_its_drift() {
        let clock = Clock { base: 7, drift_ppm: -10_000, wall_ms: 0 };
        assert_eq!(clock.now(1_000_000).mono, Time(990_007));
    }
}
