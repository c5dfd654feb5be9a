//! What a node's replicas count as they go.

use std::sync::atomic::{AtomicU64, Ordering};

use common::metrics::{Metrics, seconds_histogram};
use common::types::Time;
use prometheus_client::metrics::histogram::Histogram;

use super::foreground::Foreground;

/// Shared by all replicas of a node.
#[derive(Debug)]
pub(crate) struct Meters {
    /// From a write's arrival at its task to its answer, in seconds.
    commit: Histogram,
    /// Times that a serving primary lost its lease.
    pub(crate) lease_losses: AtomicU64,
    /// Replicas in which a scrub found damage.
    pub(crate) damaged: AtomicU64,
    /// How fast clients are served.
    pub(crate) foreground: Foreground,
}

impl Meters {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let help = "From the arrival of a write at its primary to its answer";
        let commit = metrics.register("commit_seconds", help, seconds_histogram());
        let (lease_losses, damaged) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { commit, lease_losses, damaged, foreground: Foreground::default() }
    }

    /// A write was committed.
    pub(crate) fn committed(&self, since: Time, now: Time) {
        self.commit.observe(now.since(since).as_secs_f64());
        self.foreground.served(now.since(since));
    }

    /// A read of a client was answered.
    pub(crate) fn read(&self, since: Time, now: Time) {
        self.foreground.served(now.since(since));
    }

    /// A lease was lost.
    pub(crate) fn lease_lost(&self) {
        self.lease_losses.fetch_add(1, Ordering::Relaxed);
    }
}
