//! What the log holds of a replica past what its storage holds: replayed at start-up, copied when it moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::types::{Ballot, Body, Decree, Gpid, Incarnation, Mutation, Writes};
use pacifica::AppendSeq;
use replica_state::replay::{Replay, Tail};

use super::error::LogError;
use super::handle::{AppendSink, DiskLog};
use super::index::{Place, ReplicaIndex, ReplicaKey};
use super::reader::{Record, read};

impl DiskLog {
    /// A copy's records past `after` (what its storage has flushed), by the rules of `replica_state::replay`: only its
    /// own incarnation, openings obeyed, up to the first gap. Called for every replica at start-up. Blocks.
    ///
    /// Whether damage may have taken something away is in `Recovery::is_clean`.
    ///
    /// # Errors
    /// Damage, or the disk fails.
    pub fn tail(&self, gpid: Gpid, incarnation: Incarnation, after: Decree) -> Result<Tail, LogError> {
        self.shared().suspects.lock().insert((gpid, incarnation));
        let mut replay = Replay::new(incarnation, after);
        let replica = self.shared().state.read().index.replicas.get(&(gpid, incarnation)).cloned();
        let Some(replica) = replica else { return Ok(replay.finish()) };
        for (committed, mutation) in known(&replica, after) {
            replay.frame(incarnation, committed, mutation);
        }
        for record in read(self.shared(), (gpid, incarnation), &all_after(&replica, after))? {
            replay.frame(incarnation, record.committed, record.mutation);
        }
        Ok(replay.finish())
    }

    /// Re-appends a copy's records past `after` to `target` under another incarnation, durably; returns the last
    /// decree copied. For a replica that moves alone (design §5); the copy must append nothing meanwhile. Blocks, at
    /// most `wait`.
    ///
    /// # Errors
    /// Reading or writing fails, or takes too long.
    pub fn copy_tail(
        &self,
        from: (Gpid, Incarnation),
        after: Decree,
        target: &Self,
        incarnation: Incarnation,
        wait: Duration,
    ) -> Result<Decree, LogError> {
        let records = self.live_after(from, after)?;
        let last = records.last().map_or(after, |record| record.mutation.decree);
        target.append_all((from.0, incarnation), &records, wait)?;
        Ok(last)
    }

    /// Copies a copy's records past `flushed` to the head segment, so that an old segment need not be kept for a tail
    /// that cannot be flushed (rule PINS). Appends may go on meanwhile. Returns how many were copied. Blocks, at most
    /// `wait`.
    ///
    /// # Errors
    /// Reading or writing fails, or takes too long.
    pub fn copy_forward(
        &self,
        gpid: Gpid,
        incarnation: Incarnation,
        flushed: Decree,
        wait: Duration,
    ) -> Result<usize, LogError> {
        let records = self.live_after((gpid, incarnation), flushed)?;
        self.append_all((gpid, incarnation), &records, wait)?;
        Ok(records.len())
    }

    fn live_after(&self, key: ReplicaKey, after: Decree) -> Result<Vec<Record>, LogError> {
        let places: Vec<Place> = {
            let state = self.shared().state.read();
            let live = state.index.replicas.get(&key).map(|replica| replica.live.range(after.next()..));
            live.into_iter().flatten().map(|(_, place)| *place).collect()
        };
        read(self.shared(), key, &places)
    }

    fn append_all(&self, key: ReplicaKey, records: &[Record], wait: Duration) -> Result<(), LogError> {
        let outcome = Arc::new(Outcome::default());
        let log = self.attach(key.0, key.1, Arc::clone(&outcome) as Arc<dyn AppendSink>);
        for (seq, record) in (1..).zip(records) {
            log.append(AppendSeq(seq), Arc::clone(&record.mutation), record.committed);
        }
        self.sync(wait)?;
        let failed = outcome.failed.load(Ordering::Relaxed);
        if failed { Err(LogError::NoSpace { dir: self.dir().to_owned() }) } else { Ok(()) }
    }
}

#[derive(Default)]
struct Outcome {
    failed: AtomicBool,
}

impl AppendSink for Outcome {
    fn durable(&self, _seq: AppendSeq) {}

    fn failed(&self, _error: &LogError) {
        self.failed.store(true, Ordering::Relaxed);
    }
}

/// Every record past `after`, superseded ones too: replay judges by itself.
fn all_after(replica: &ReplicaIndex, after: Decree) -> Vec<Place> {
    let live = replica.live.range(after.next()..).map(|(_, place)| *place);
    let void = replica.void.iter().filter(|(decree, _)| *decree > after).map(|(_, place)| *place);
    let mut places: Vec<_> = live.chain(void).collect();
    places.sort_by_key(|place| (place.segment, place.offset));
    places
}

/// What records at or below `after` said, without reading them again: the highest ballot and commit point, and the
/// openings among them, which void later records.
fn known(replica: &ReplicaIndex, after: Decree) -> Vec<(Decree, Arc<Mutation>)> {
    let said = Mutation {
        ballot: replica.highest_ballot,
        decree: Decree::default(),
        time_ms: 0,
        body: Body::Writes(Writes::default()),
    };
    let openings = replica.openings.iter().filter(|(_, carried)| carried.next() <= after);
    let opening = |(by, carried): (&Ballot, &Decree)| {
        let body = Body::Opening { after: *carried, by: *by };
        (Decree::default(), Arc::new(Mutation { ballot: *by, decree: carried.next(), time_ms: 0, body }))
    };
    std::iter::once((replica.committed, Arc::new(said))).chain(openings.map(opening)).collect()
}
