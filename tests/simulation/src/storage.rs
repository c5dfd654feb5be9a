//! A replica's storage: a small map and the decree that it stands at. Stands for RocksDB with the decree in the batch.

use std::collections::BTreeMap;

use common::types::{Ballot, Decree, Mutation, Writes, WritesBuilder};

/// A consistent state: what a flush writes, a checkpoint carries, a copy to another disk holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) applied: Decree,
    pub(crate) ballot: Ballot,
    pub(crate) time_ms: u64,
    pub(crate) map: BTreeMap<u16, u64>,
}

impl Snapshot {
    /// Applies a mutation. The caller has checked that it is the next.
    pub(crate) fn apply(&mut self, mutation: &Mutation) {
        self.applied = mutation.decree;
        self.ballot = mutation.ballot;
        self.time_ms = self.time_ms.max(mutation.time_ms);
        for op in mutation.writes().iter() {
            let Some(key) = decode_key(op.key()) else { continue };
            match op.value().and_then(decode_value) {
                Some(value) => self.map.insert(key, value),
                None => self.map.remove(&key),
            };
        }
    }
}

/// One put as the replicas carry it.
pub(crate) fn put(key: u16, value: u64) -> Writes {
    let mut writes = WritesBuilder::default();
    writes.put(&key.to_be_bytes(), &value.to_be_bytes());
    writes.finish()
}

fn decode_key(bytes: &[u8]) -> Option<u16> {
    bytes.try_into().ok().map(u16::from_be_bytes)
}

pub(crate) fn decode_value(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}
