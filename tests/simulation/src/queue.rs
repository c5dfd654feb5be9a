//! What is going to happen, in order of true time; what is due at the same time comes in order of arrival.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::happening::Happening;

/// The future.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    heap: BinaryHeap<Reverse<Entry>>,
    arrivals: u64,
}

#[derive(Debug)]
struct Entry {
    at: u64,
    arrival: u64,
    what: Happening,
}

impl Queue {
    pub(crate) fn push(&mut self, at: u64, what: Happening) {
        self.arrivals += 1;
        self.heap.push(Reverse(Entry { at, arrival: self.arrivals, what }));
    }

    pub(crate) fn pop(&mut self) -> Option<(u64, Happening)> {
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.what))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.arrival) == (other.at, other.arrival)
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.arrival).cmp(&(other.at, other.arrival))
    }
}
