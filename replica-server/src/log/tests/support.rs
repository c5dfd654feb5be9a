//! Options, records and a sink for tests of the log.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use common::types::{Ballot, Body, Decree, Mutation, WritesBuilder};
use pacifica::AppendSeq;
use parking_lot::{Condvar, Mutex};
use replica_state::replay::Tail;
use tempfile::TempDir;

use crate::log::{AppendSink, LogError, LogOptions, ReplicaLog};

pub(super) const WAIT: Duration = Duration::from_secs(20);

pub(super) fn dir() -> TempDir {
    tempfile::Builder::new().prefix("store-log").tempdir().unwrap()
}

/// The part of paths by which fault points find this test's log.
pub(super) fn name(dir: &TempDir) -> String {
    dir.path().to_string_lossy().into_owned()
}

pub(super) fn options_at(dir: PathBuf) -> LogOptions {
    LogOptions {
        segment_bytes: 64 << 10,
        reserve_bytes: 64 << 10,
        space_retry: Duration::from_millis(5),
        mark_after: Duration::from_millis(1),
        ..LogOptions::new(dir)
    }
}

pub(super) fn options(dir: &TempDir) -> LogOptions {
    options_at(dir.path().to_owned())
}

/// A mutation of about so many bytes, whose content follows from its numbers.
pub(super) fn mutation(ballot: u64, decree: u64, bytes: usize) -> Arc<Mutation> {
    let mut writes = WritesBuilder::default();
    writes.put(&decree.to_be_bytes(), &vec![(decree % 251) as u8; bytes]);
    let body = Body::Writes(writes.finish());
    Arc::new(Mutation { ballot: Ballot(ballot), decree: Decree(decree), time_ms: decree, body })
}

pub(super) fn decrees(tail: &Tail) -> Vec<u64> {
    tail.mutations.iter().map(|mutation| mutation.decree.0).collect()
}

/// Waits for a condition that another thread brings about and that has no event to wait for.
pub(super) fn eventually(condition: impl Fn() -> bool) -> bool {
    (0..2000).any(|_| {
        condition() || {
            std::thread::sleep(Duration::from_millis(5));
            false
        }
    })
}

#[derive(Default)]
struct State {
    appended: u64,
    durable: u64,
    calls: u64,
    error: Option<LogError>,
}

/// A sink that remembers what it was told, and numbers the appends.
#[derive(Default)]
pub(super) struct Seen {
    state: Mutex<State>,
    told: Condvar,
}

impl Seen {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(super) fn append(&self, log: &ReplicaLog, mutation: Arc<Mutation>) {
        let seq = {
            let mut state = self.state.lock();
            state.appended += 1;
            state.appended
        };
        let committed = mutation.decree.prev();
        log.append(AppendSeq(seq), mutation, committed);
    }

    pub(super) fn wait(&self, count: usize) {
        let mut state = self.state.lock();
        let open = |state: &mut State| state.durable < count as u64 && state.error.is_none();
        assert!(!self.told.wait_while_for(&mut state, open, WAIT).timed_out(), "no answer from the log");
        assert_eq!(state.error, None);
    }

    pub(super) fn failure(&self) -> LogError {
        let mut state = self.state.lock();
        self.told.wait_while_for(&mut state, |state| state.error.is_none(), WAIT);
        state.error.clone().unwrap()
    }

    pub(super) fn durable_up_to(&self) -> u64 {
        self.state.lock().durable
    }

    pub(super) fn calls(&self) -> u64 {
        self.state.lock().calls
    }
}

impl AppendSink for Seen {
    fn durable(&self, seq: AppendSeq) {
        let mut state = self.state.lock();
        assert!(state.durable < seq.0, "told twice, or backwards");
        state.durable = seq.0;
        state.calls += 1;
        self.told.notify_all();
    }

    fn failed(&self, error: &LogError) {
        self.state.lock().error = Some(error.clone());
        self.told.notify_all();
    }
}
