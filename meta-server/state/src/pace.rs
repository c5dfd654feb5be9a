//! How a partition fares, so that the guardian does not run in circles and alarms know since when. Not durable.

use common::types::{PartitionConfig, Time};

/// What was seen of a partition in this process of the meta server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// When its configuration last changed.
    pub(crate) changed: Time,
    /// Learners added since it was last healthy.
    pub(crate) learners: u32,
    /// Since when it is not healthy; `None`: it is.
    pub(crate) unhealthy: Option<Time>,
    /// When its primary last said that it leads; at first, when it was first known.
    pub(crate) led: Time,
}

impl Pace {
    /// Of a partition that was not known before.
    pub(crate) const fn new(now: Time) -> Self {
        Self { changed: now, learners: 0, unhealthy: None, led: now }
    }

    /// The next configuration is in force.
    pub(crate) fn changes(&mut self, old: &PartitionConfig, new: &PartitionConfig, now: Time) {
        if new.learners.iter().any(|learner| !old.learners.contains(learner)) {
            self.learners += 1;
        }
        if new != old {
            self.changed = now;
        }
    }

    /// How it is with its present configuration.
    pub(crate) fn judge(&mut self, config: &PartitionConfig, now: Time) {
        if config.is_healthy() {
            self.learners = 0;
            self.unhealthy = None;
        } else {
            self.unhealthy.get_or_insert(now);
        }
    }

    /// What was known before the store was read again; the configuration may have changed in between.
    pub(crate) fn recall(&mut self, earlier: &Self) {
        self.led = earlier.led;
        if self.unhealthy.is_some() {
            self.learners = earlier.learners;
            self.unhealthy = earlier.unhealthy.or(self.unhealthy);
        }
    }
}
