//! The record itself: calls and returns in one order for all clients.

use std::fmt;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Names a value; every write has one of its own, from 1. 0 stands for content that nobody wrote.
pub type ValueId = u64;

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Read.
    Get,
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
    places: u64,
    values: ValueId,
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

    /// Its answer is there.
    pub fn answered(&self, operation: usize, answer: Answer) {
        let mut record = self.record.lock();
        let place = record.place();
        record.end(operation, self.now_ms(), Outcome::Answered(place, answer));
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

impl Record {
    const fn place(&mut self) -> u64 {
        self.places += 1;
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
