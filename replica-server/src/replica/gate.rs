//! Until when this node may answer reads of a partition: one number that readers check before and after a read.

use std::sync::atomic::{AtomicU64, Ordering};

use common::types::Time;

/// The end of the primary's lease, shared between the replica's task and all readers (rule LEASES).
///
/// The task lowers it before it performs the effects of a step and raises it after them: a lost lease takes effect
/// before anything else happens, and a new one only once everything that was committed before it is applied.
#[derive(Debug, Default)]
pub(crate) struct ReadGate(AtomicU64);

impl ReadGate {
    /// Takes back what is not granted any more.
    pub(crate) fn lower(&self, until: Option<Time>) {
        self.0.fetch_min(until.unwrap_or_default().0, Ordering::SeqCst);
    }

    /// Publishes the lease as it now is.
    pub(crate) fn publish(&self, until: Option<Time>) {
        self.0.store(until.unwrap_or_default().0, Ordering::SeqCst);
    }

    /// Whether a read may be answered at this time.
    pub(crate) fn is_open(&self, now: Time) -> bool {
        now.0 < self.0.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lowering_never_extends_a_lease() {
        let gate = ReadGate::default();
        gate.publish(Some(Time(10)));
        gate.lower(Some(Time(20)));
        assert!(gate.is_open(Time(9)) && !gate.is_open(Time(10)));
        gate.lower(None);
        assert!(!gate.is_open(Time(0)));
    }
}
