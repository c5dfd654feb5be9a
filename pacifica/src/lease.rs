//! Per-partition leases as a primary sees them, one for each other copy (rule LEASES).

use std::time::Duration;

use common::types::Time;

/// What one other copy has granted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lease {
    /// When the newest granted beacon was sent; `None`: no lease.
    sent_at: Option<Time>,
    /// From when silence is counted: the newest grant, the beginning of the tenure, or a clock jump.
    heard_at: Time,
    /// Beacons sent before this never count: the clock jumped after them.
    valid_from: Time,
}

impl Lease {
    /// No lease yet; silence is counted from now.
    pub(crate) const fn new(now: Time) -> Self {
        Self { sent_at: None, heard_at: now, valid_from: Time(0) }
    }

    /// A beacon sent at `sent_at` was granted.
    pub(crate) fn granted(&mut self, sent_at: Time) {
        if sent_at >= self.valid_from {
            self.sent_at = self.sent_at.max(Some(sent_at));
            self.heard_at = self.heard_at.max(sent_at);
        }
    }

    /// The clock jumped: the lease is lost, and silence is counted anew, so that a full round precedes any drop.
    pub(crate) const fn lose(&mut self, now: Time) {
        *self = Self { sent_at: None, heard_at: now, valid_from: now };
    }

    /// Silence is counted anew: whose fault it was is not known.
    pub(crate) fn forgive(&mut self, now: Time) {
        self.heard_at = self.heard_at.max(now);
    }

    /// Until when it is held.
    pub(crate) fn until(&self, lease: Duration) -> Option<Time> {
        self.sent_at.map(|sent_at| sent_at + lease)
    }

    /// Whether it is held now.
    pub(crate) fn holds(&self, now: Time, lease: Duration) -> bool {
        self.until(lease).is_some_and(|until| now < until)
    }

    /// Whether nothing was heard for so long.
    pub(crate) fn silent(&self, now: Time, limit: Duration) -> bool {
        now > self.heard_at + limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(2);

    #[test]
    fn a_lease_runs_from_when_the_beacon_was_sent() {
        let mut lease = Lease::new(Time(0));
        assert!(!lease.holds(Time(0), LEASE));
        lease.granted(Time(1_000_000));
        lease.granted(Time(500_000));
        assert_eq!(lease.until(LEASE), Some(Time(3_000_000)));
        assert!(lease.holds(Time(2_999_999), LEASE));
        assert!(!lease.holds(Time(3_000_000), LEASE));
    }

    #[test]
    fn after_a_clock_jump_older_beacons_do_not_count_and_silence_begins_anew() {
        let mut lease = Lease::new(Time(0));
        lease.granted(Time(1_000_000));
        lease.lose(Time(9_000_000));
        lease.granted(Time(8_999_999));
        assert_eq!(lease.until(LEASE), None);
        assert!(!lease.silent(Time(11_000_000), LEASE));
        assert!(lease.silent(Time(11_000_001), LEASE));
    }
}
