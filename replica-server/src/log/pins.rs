//! What keeps segments besides unflushed records: learn sessions, each with a deadline (rule PINS).

use std::collections::BTreeMap;
use std::sync::Arc;

use common::types::{Decree, Time};
use parking_lot::Mutex;

use super::index::ReplicaKey;

#[derive(Debug, Default)]
pub(super) struct Pins {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// The last pin's number.
    last: u64,
    /// Copy, first decree kept, deadline.
    pins: BTreeMap<u64, (ReplicaKey, Decree, Time)>,
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
        held.last += 1;
        let id = held.last;
        held.pins.insert(id, (replica, from, deadline));
        Pin { pins: Arc::clone(self), id }
    }

    /// The lowest pinned decree of every replica that has a pin; forgets those whose deadline has passed.
    pub(super) fn lowest(&self, now: Time) -> BTreeMap<ReplicaKey, Decree> {
        let mut held = self.held.lock();
        held.pins.retain(|_, (_, _, deadline)| *deadline > now);
        let mut lowest = BTreeMap::new();
        for (replica, from, _) in held.pins.values() {
            let least = lowest.entry(*replica).or_insert(*from);
            *least = (*least).min(*from);
        }
        lowest
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.pins.held.lock().pins.remove(&self.id);
    }
}
