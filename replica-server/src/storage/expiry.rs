//! Which records a compaction may drop (rule TIME).
//!
//! The measure is the time of the mutations that RocksDB holds, not this node's clock: a primary with a slower clock could still
//! answer with a record that a faster clock calls expired. The allowed skew covers the rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::types::Value;

use super::decree::RECORDS_END;

/// Judges records for one replica's compactions.
#[derive(Clone, Debug)]
pub(super) struct Expiry {
    /// Greatest time of the mutations in RocksDB, Unix ms. Not of what is applied: what waits in the write buffer may prolong the life
    /// of a hash whose fields RocksDB judges by the head that it has.
    pub written_time_ms: Arc<AtomicU64>,
    /// Allowed difference between clocks, in ms.
    pub skew_ms: u64,
}

impl Expiry {
    /// Whether the record has been expired for long enough that no replica's clock can call it alive.
    pub(super) fn is_gone(&self, key: &[u8], value: &[u8]) -> bool {
        key < RECORDS_END && Value::expiry_of(value).is_some_and(|at| at <= self.horizon_ms())
    }

    /// What expires by then is gone on every replica, Unix ms.
    pub(super) fn horizon_ms(&self) -> u64 {
        self.written_time_ms.load(Ordering::Relaxed).saturating_sub(self.skew_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::DECREE_KEY;

    #[test]
    fn a_record_goes_only_when_the_skew_has_passed_too() {
        let expiry = Expiry { written_time_ms: Arc::new(AtomicU64::new(1_000)), skew_ms: 100 };
        let value = |at| Value::bytes("v".into(), at).encode();
        assert!(expiry.is_gone(b"k", &value(Some(900))));
        assert!(!expiry.is_gone(b"k", &value(Some(901))));
        assert!(!expiry.is_gone(b"k", &value(None)));
        assert!(!expiry.is_gone(DECREE_KEY, &value(Some(1))));
    }
}
