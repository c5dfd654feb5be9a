//! What keeps segments besides unflushed records: learn sessions, each with a deadline (rule PINS).

use std::collections::BTreeMap;
use std::sync::Arc;

use common::types::{Decree, Time};
use parking_lot::Mutex;

use super::index::ReplicaKey;

#[derive(Debug, Default)]
pub(super) struct Pins {
    held: Mutex<(u64, BTreeMap<u64, (ReplicaKey, Decree, Time)>)>,
}

/// Keeps a replica's records from a decree on in the log until it is dropped or its deadline passes.
#[derive(Debug)]
pub struct Pin {
    pins: Arc<Pins>,
    id: u64,
}

impl Pins {
    pub(super) fn pin(self: &Arc<Self>, replica: ReplicaKey, from: Decree, deadline: Time) -> Pin {
        let mut held = self.held.lock();
        held.0 += 1;
        let id = held.0;
        held.1.insert(id, (replica, from, deadline));
        Pin { pins: Arc::clone(self), id }
    }

    /// The lowest pinned decree of every replica that has a pin; forgets those whose deadline has passed.
    pub(super) fn lowest(&self, now: Time) -> BTreeMap<ReplicaKey, Decree> {
        let mut held = self.held.lock();
        held.1.retain(|_, (_, _, deadline)| *deadline > now);
        let mut lowest = BTreeMap::new();
        for (replica, from, _) in held.1.values() {
            let least = lowest.entry(*replica).or_insert(*from);
            *least = (*least).min(*from);
        }
        lowest
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.pins.held.lock().1.remove(&self.id);
    }
}
