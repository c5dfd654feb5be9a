//! The record itself: calls and returns in one order for all clients.

use std::fmt;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Names a value; every write has one of its own, from 1. 0 stands for content that nobody wrote.
pub type ValueId = u64;

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Read.
    Get,
    /// Read of a copy that may lag: what it told must have been so at this place of the order, or later.
    Look {
        /// The place.
        since: u64,
    },
    /// Write.
    Put(ValueId),
    /// Write, and be told what was there.
    Exchange(ValueId),
    /// Add one to a counter, and be told where it is then. On keys that nothing else is written to.
    Increment,
    /// Remove.
    Delete,
    /// Write or remove (`None`), if what is there is as expected (`None`: nothing).
    CompareAndSet {
        /// What must be there.
        expected: Option<ValueId>,
        /// What is to be there then.
        value: Option<ValueId>,
    },
}

/// What was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This is there.
    Found(Option<ValueId>),
    /// It is done.
    Done,
    /// Whether it was done, and what was there before.
    Compared {
        /// Whether it was done.
        written: bool,
        /// What was there.
        previous: Option<ValueId>,
    },
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not yet, or nobody knows.
    Open,
    /// Surely without effect.
    Never,
    /// Answered at this place in the order of calls and returns.
    Answered(u64, Answer),
}

/// An operation of a client.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// The client.
    pub client: usize,
    /// The key.
    pub key: usize,
    /// What was asked.
    pub kind: Kind,
    /// Its call's place in the order of calls and returns.
    pub called: u64,
    /// When it was called, in milliseconds of the record.
    pub called_ms: u64,
    /// When it ended, answered or not.
    pub ended_ms: Option<u64>,
    /// How it ended.
    pub outcome: Outcome,
}

/// All operations of all clients.
#[derive(Debug)]
pub struct Recorder {
    began: Instant,
    record: Mutex<Record>,
}

#[derive(Debug, Default)]
struct Record {
    operations: Vec<Operation>,
    /// Even, so that there is room between any two.
    places: u64,
    values: ValueId,
    /// When operations were answered, in milliseconds, each with its place.
    answers: Vec<(u64, u64)>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self { began: Instant::now(), record: Mutex::default() }
    }
}

impl Recorder {
    /// A value that nobody wrote yet.
    pub fn value(&self) -> ValueId {
        let mut record = self.record.lock();
        record.values += 1;
        record.values
    }

    /// An operation is about to be sent. What is returned names it.
    pub fn call(&self, client: usize, key: usize, kind: Kind) -> usize {
        let called_ms = self.now_ms();
        let mut record = self.record.lock();
        let called = record.place();
        let outcome = Outcome::Open;
        record.operations.push(Operation { client, key, kind, called, called_ms, ended_ms: None, outcome });
        record.operations.len() - 1
    }

    /// The place from which on what a copy tells may have been so, if it is asked from now on and lacks nothing that was
    /// answered longer than `stale_max` before: behind all of those answers.
    pub fn since(&self, stale_max: Duration) -> u64 {
        let bound_ms = u64::try_from(stale_max.as_millis()).unwrap_or(u64::MAX);
        let record = self.record.lock();
        record.since(self.now_ms(), bound_ms)
    }

    /// Its answer is there.
    pub fn answered(&self, operation: usize, answer: Answer) {
        let mut record = self.record.lock();
        let (place, now_ms) = (record.place(), self.now_ms());
        record.answers.push((now_ms, place));
        record.end(operation, now_ms, Outcome::Answered(place, answer));
    }

    /// It surely had no effect.
    pub fn never(&self, operation: usize) {
        self.record.lock().end(operation, self.now_ms(), Outcome::Never);
    }

    /// Nobody will ever know.
    pub fn unknown(&self, operation: usize) {
        self.record.lock().end(operation, self.now_ms(), Outcome::Open);
    }

    /// All of it so far.
    #[must_use]
    pub fn operations(&self) -> Vec<Operation> {
        self.record.lock().operations.clone()
    }

    /// Milliseconds since it began.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Operation {
    /// The place in the order from which on it may have taken effect.
    #[must_use]
    pub const fn since(&self) -> u64 {
        if let Kind::Look { since } = self.kind { since } else { self.called }
    }
}

impl Record {
    /// Behind the last that was answered more than so long before `now_ms`.
    fn since(&self, now_ms: u64, bound_ms: u64) -> u64 {
        // Times are rounded down, so that a difference may be a millisecond less than it seems.
        let covered = self.answers.partition_point(|(at_ms, _)| at_ms.saturating_add(bound_ms) < now_ms);
        covered.checked_sub(1).and_then(|last| self.answers.get(last)).map_or(0, |(_, place)| place + 1)
    }

    const fn place(&mut self) -> u64 {
        self.places += 2;
        self.places
    }

    fn end(&mut self, operation: usize, ended_ms: u64, outcome: Outcome) {
        if let Some(operation) = self.operations.get_mut(operation) {
            (operation.ended_ms, operation.outcome) = (Some(ended_ms), outcome);
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ended = self.ended_ms.map_or_else(|| "?".to_owned(), |ms| ms.to_string());
        write!(f, "{:>7} .. {ended:>7} ms  client {} key {}  ", self.called_ms, self.client, self.key)?;
        write!(f, "{:?} -> {:?}", self.kind, self.outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_counts_from_behind_what_was_answered_longer_ago_than_its_bound() {
        let record = Record { answers: vec![(5, 2), (5, 6), (9, 8)], ..Record::default() };
        assert_eq!(record.since(105, 100), 0, "it may have been answered just within the bound");
        assert_eq!(record.since(106, 100), 7);
        assert_eq!(record.since(1000, 100), 9);
    }
}
