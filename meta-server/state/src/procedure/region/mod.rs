//! A replica moves to another node: the target learns while writes go on, becomes a member, leads if the source did, and
//! only then the source leaves.
//!
//! ```text
//!            may fail, be cancelled, roll back            |  only forward (rule COLLECT)
//!  queued ──► start ──► catch_up ──────────────────────────► hand_over ──► leave ──► collect ──► completed
//!                 │        │                               |    │    ▲       │
//!                 │        │                               |    │    └───────┘ the source leads again
//!                 │        │                               |    └──► completed: only the primary moved
//!                 │        └──► rollback ──► failed, cancelled
//!                 └──► hand_over, leave: the target was a member before
//!
//!  step       entered with               waits for                            given up after
//!  queued     the partition's lock       its turn                             -
//!  start      -                          a primary that leads                 1 minute: fails
//!  catch_up   AddLearner(target)         its promotion by the primary         replay timeout: rolls back
//!  hand_over  -                          the primary, asked to hand over *    10 minutes: fails as it stands
//!  leave      -                          the primary, asked to drop *         10 minutes: fails as it stands
//!  collect    lock given back            the source's directory to go         2 minutes: completed, with a note
//!  rollback   learner out, lock back     the target's directory to go         2 minutes: ends, with a note
//! ```
//! \* not at once: writes that waited for the change before are answered first, so that no write waits for both.
//!
//! What a step is entered with is one transaction with the step itself. The point of no return is not a step but the
//! configuration: once it names the target as a member there is no rollback, whoever noticed what first. The
//! partition's lock is given back with the change after which nothing but a directory is waited for, since the guardian
//! and other moves must not wait for a node that may be away.

mod catch_up;
mod collect;
mod hand_over;
mod leave;
mod queued;
mod rollback;
mod start;

use common::procedure::{ProcedureError, ProcedureState};
use common::rpc::ErrorCode;
use common::types::{Gpid, Member, Now, PartitionConfig, PeerId};
use serde::{Deserialize, Serialize};

use super::{Advance, Ask, Procedure, Request, Work};
use crate::cluster::Cluster;
use crate::node::DEAD_AFTER;
use crate::partition::Partition;
use crate::record::Record;

const MINUTE_MS: u64 = 60_000;
/// Each change of members pauses the partition's writes for a moment; those who waited for one are answered before the next.
const SETTLE_MS: u64 = 100;

/// Where a migration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegionStep {
    /// It waits for its turn.
    Queued,
    /// The target is about to be made a learner.
    Start,
    /// The target learns while writes go on.
    CatchUp,
    /// The target is a member; the source, which leads, is asked to hand over to it.
    HandOver,
    /// The primary is asked to drop the source.
    Leave,
    /// The source is out; its directory is set aside.
    Collect,
    /// The target is out again; its directory is set aside.
    Rollback,
}

impl RegionStep {
    /// Every step there is.
    pub const ALL: [Self; 7] =
        [Self::Queued, Self::Start, Self::CatchUp, Self::HandOver, Self::Leave, Self::Collect, Self::Rollback];

    /// Its name, as in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Start => "start",
            Self::CatchUp => "catch_up",
            Self::HandOver => "hand_over",
            Self::Leave => "leave",
            Self::Collect => "collect",
            Self::Rollback => "rollback",
        }
    }
}

/// What a migration must know over a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionMigration {
    /// What moves.
    pub gpid: Gpid,
    /// The node that it leaves.
    pub from: PeerId,
    /// The node that it goes to.
    pub to: PeerId,
    /// How long the target may take to catch up, in milliseconds.
    pub replay_timeout_ms: u64,
    /// Where it stands.
    pub step: RegionStep,
    /// The target's copy, once it was given its incarnation.
    pub target: Option<Member>,
    /// The source leaves at the end; not if the target was a member before and the partition needs both.
    pub source_leaves: bool,
    /// How long writes paused, if that was seen, in milliseconds.
    pub write_pause_ms: Option<u64>,
    /// Bytes that the target fetched, as of the end of its catching up.
    pub bytes_done: u64,
}

impl RegionMigration {
    /// One that was not begun.
    #[must_use]
    pub const fn new(gpid: Gpid, from: PeerId, to: PeerId, replay_timeout_ms: u64) -> Self {
        let (step, source_leaves) = (RegionStep::Queued, true);
        Self {
            gpid,
            from,
            to,
            replay_timeout_ms,
            step,
            target: None,
            source_leaves,
            write_pause_ms: None,
            bytes_done: 0,
        }
    }

    /// How long the step may take, in milliseconds.
    const fn limit_ms(&self) -> u64 {
        match self.step {
            RegionStep::Queued => u64::MAX,
            RegionStep::Start => MINUTE_MS,
            RegionStep::CatchUp => self.replay_timeout_ms,
            RegionStep::HandOver | RegionStep::Leave => 10 * MINUTE_MS,
            RegionStep::Collect | RegionStep::Rollback => 2 * MINUTE_MS,
        }
    }

    /// When a step that begins now may ask the primary for its change, in Unix milliseconds.
    const fn asks_from_ms(&self, now_ms: u64) -> u64 {
        match self.step {
            RegionStep::HandOver | RegionStep::Leave => now_ms.saturating_add(SETTLE_MS),
            RegionStep::Queued
            | RegionStep::Start
            | RegionStep::CatchUp
            | RegionStep::Collect
            | RegionStep::Rollback => 0,
        }
    }

    /// Why it can only go on; `None`: it can still be cancelled.
    pub(super) fn cannot_turn_back(&self, cluster: &Cluster) -> Option<String> {
        let member =
            self.target.is_some_and(|t| cluster.config(self.gpid).is_some_and(|c| c.members().any(|m| m == t)));
        let early = matches!(self.step, RegionStep::Queued | RegionStep::Start | RegionStep::CatchUp);
        let over = self.step == RegionStep::Rollback;
        match (early && !member, over) {
            (true, _) => None,
            (false, true) => Some("the migration is being rolled back already".to_owned()),
            (false, false) => Some(format!("node {} is a member of {} already", self.to, self.gpid)),
        }
    }
}

/// What a step looks at.
struct At<'a> {
    cluster: &'a Cluster,
    procedure: &'a Procedure,
    migration: &'a RegionMigration,
    partition: &'a Partition,
    now: Now,
}

/// What a step does.
enum Turn {
    /// Nothing, until something changes.
    Wait,
    /// A primary is asked for something.
    Ask(Request),
    /// On to the next step.
    Go(Next),
    /// It is over.
    End(End),
}

/// A step that begins, and what is stored with it.
struct Next {
    step: RegionStep,
    /// The target's copy, from now on.
    target: Option<Member>,
    source_leaves: bool,
    /// A change of the partition that belongs to the step.
    partition: Option<Partition>,
    /// The root cause of a rollback.
    error: Option<ProcedureError>,
}

/// How it is over.
struct End {
    state: ProcedureState,
    error: Option<ProcedureError>,
    note: Option<String>,
}

pub(super) fn advance(cluster: &Cluster, procedure: &Procedure, migration: &RegionMigration, now: Now) -> Advance {
    let Some(partition) = cluster.partition(migration.gpid) else {
        // Partitions are kept for ever; this one was lost with its metadata.
        return procedure.lost(ErrorCode::UnknownPartition, "the partition is not known any more", now.wall_ms);
    };
    let at = At { cluster, procedure, migration, partition, now };
    let turn = match migration.step {
        RegionStep::Queued => queued::advance(&at),
        RegionStep::Start => start::advance(&at),
        RegionStep::CatchUp => catch_up::advance(&at),
        RegionStep::HandOver => hand_over::advance(&at),
        RegionStep::Leave => leave::advance(&at),
        RegionStep::Collect => collect::advance(&at),
        RegionStep::Rollback => rollback::advance(&at),
    };
    at.take(turn)
}

impl At<'_> {
    fn take(&self, turn: Turn) -> Advance {
        match turn {
            Turn::Wait => Advance::default(),
            Turn::Ask(request) => Advance { ask: self.ask(request), ..Advance::default() },
            Turn::Go(next) => Advance { records: self.enter(next), ask: None },
            Turn::End(end) => Advance { records: self.end(end), ask: None },
        }
    }

    /// Only while the pause at the beginning of a step or after a failed try is over, and only a primary that may answer.
    fn ask(&self, request: Request) -> Option<Ask> {
        let primary = self.config().primary.filter(|_| self.now.wall_ms >= self.procedure.retry_at_ms)?;
        let (procedure, gpid) = (self.procedure.id, self.migration.gpid);
        Some(Ask { procedure, gpid, primary: self.address(primary.peer)?, request })
    }

    fn enter(&self, next: Next) -> Vec<Record> {
        let Next { step, target, source_leaves, partition, error } = next;
        let bytes_done = self.bytes_done();
        let migration = RegionMigration { step, target, source_leaves, bytes_done, ..self.migration.clone() };
        let limit_ms = migration.limit_ms();
        let retry_at_ms = migration.asks_from_ms(self.now.wall_ms);
        let procedure = self.procedure.entering(Work::RegionMigration(migration), limit_ms, self.now.wall_ms);
        let partition = partition.map(Record::from);
        partition.into_iter().chain([Procedure { error, retry_at_ms, ..procedure }.into()]).collect()
    }

    /// Over, and the lock given back if it is still held.
    fn end(&self, end: End) -> Vec<Record> {
        let End { state, error, note } = end;
        let work = Work::RegionMigration(RegionMigration { bytes_done: self.bytes_done(), ..self.migration.clone() });
        let procedure = Procedure { work, error, note, ..self.procedure.ended(state, self.now.wall_ms) };
        let free = self.holds_lock().then(|| Record::from(self.unlocked(self.partition)));
        free.into_iter().chain([procedure.into()]).collect()
    }

    /// What the target fetched for this migration, as far as it has told: the end of it comes with a later heartbeat.
    fn bytes_done(&self) -> u64 {
        let learned = self.procedure.history.iter().any(|step| step.step == RegionStep::CatchUp.name());
        let told = self.cluster.learned_bytes(&self.procedure.work).filter(|_| learned).map(|(done, _)| done);
        told.unwrap_or(0).max(self.migration.bytes_done)
    }

    /// The next step with nothing else changed.
    fn next(&self, step: RegionStep) -> Next {
        let RegionMigration { target, source_leaves, .. } = *self.migration;
        Next { step, target, source_leaves, partition: None, error: None }
    }

    /// The way from a target that is a member: the primary moves if the source leads, then the source leaves.
    fn forward(&self, next: Next) -> Turn {
        let step = if self.leads(self.migration.from) { RegionStep::HandOver } else { RegionStep::Leave };
        Turn::Go(Next { step, ..next })
    }

    fn failed(&self, code: ErrorCode, message: impl Into<String>) -> Turn {
        Turn::End(End { state: ProcedureState::Failed, error: Some(error(code, message)), note: None })
    }

    fn completed(&self, note: Option<String>) -> Turn {
        Turn::End(End { state: ProcedureState::Completed, error: None, note })
    }

    /// The target was a member and is none any more: the partition's own members and the guardian decide what follows.
    fn target_lost(&self) -> Turn {
        let to = self.migration.to;
        let why = format!("node {to} had become a member and has left the partition again");
        self.failed(ErrorCode::NotMember, why)
    }

    /// A step that can only go forward is not tried any longer; the partition is well, and has a member more.
    fn given_up(&self, what: &str) -> Turn {
        let last = self.procedure.error.clone();
        let cause = last.map_or_else(|| "there was no primary to be asked".to_owned(), |error| error.message);
        self.failed(ErrorCode::Timeout, format!("{what} did not come about: {cause}; start the same migration again"))
    }

    fn config(&self) -> &PartitionConfig {
        &self.partition.config
    }

    fn is_overdue(&self) -> bool {
        self.procedure.is_overdue(self.now.wall_ms)
    }

    fn leads(&self, peer: PeerId) -> bool {
        self.config().primary.is_some_and(|primary| primary.peer == peer)
    }

    /// Whether the target is a member, as the copy that this migration made or found.
    fn target_is_member(&self) -> bool {
        self.migration.target.is_some_and(|target| self.config().members().any(|member| member == target))
    }

    fn address(&self, peer: PeerId) -> Option<String> {
        self.cluster.node(peer).map(|node| node.address.clone())
    }

    fn holds_lock(&self) -> bool {
        self.partition.lock.is_some_and(|lock| lock.job == self.procedure.id)
    }

    fn unlocked(&self, partition: &Partition) -> Partition {
        let lock = partition.lock.filter(|lock| lock.job != self.procedure.id);
        Partition { lock, ..partition.clone() }
    }

    /// Whether nothing of the partition is on that node any more, as far as its word since this step began goes.
    fn is_rid_of_it(&self, peer: PeerId) -> bool {
        let vitals = self.cluster.heard_in_step(self.procedure, peer, 0, self.now);
        vitals.is_some_and(|vitals| vitals.loaded && !vitals.replicas.contains_key(&self.migration.gpid))
    }

    /// Whether a node has not been heard of for so long that it is not waited for.
    fn is_away(&self, peer: PeerId) -> bool {
        self.cluster.silent_for(peer, self.now.mono) >= DEAD_AFTER
    }
}

fn error(code: ErrorCode, message: impl Into<String>) -> ProcedureError {
    ProcedureError { code, message: message.into() }
}
