//! What happened, for people and for comparing two runs.
//!
//! Every happening goes into a running fingerprint; the words are made only when somebody wants to read them.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

/// The lines of a run. Shared, so that they survive a panic of the code under test.
pub type Lines = Arc<Mutex<Vec<String>>>;

/// Records a run.
#[derive(Debug)]
pub(crate) struct Trace {
    lines: Option<Lines>,
    fingerprint: DefaultHasher,
    pub(crate) happenings: u64,
}

impl Trace {
    pub(crate) fn new(lines: Option<Lines>) -> Self {
        Self { lines, fingerprint: DefaultHasher::new(), happenings: 0 }
    }

    /// Counts a happening into the fingerprint.
    pub(crate) fn mark(&mut self, what: impl Hash) {
        self.happenings += 1;
        what.hash(&mut self.fingerprint);
    }

    /// Writes a line, if the run is traced. `now` is true time in microseconds.
    pub(crate) fn say(&self, now: u64, line: impl FnOnce() -> String) {
        if let Some(lines) = &self.lines {
            let stamp = format!("{:>3}.{:06} ", now / 1_000_000, now % 1_000_000);
            lines.lock().unwrap_or_else(PoisonError::into_inner).push(stamp + &line());
        }
    }

    /// Equal for equal runs.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.fingerprint.finish()
    }
}
