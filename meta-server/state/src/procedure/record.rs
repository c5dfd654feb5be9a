//! A procedure as it is stored.

use std::time::Duration;

use common::procedure::{ProcedureError, ProcedureKind, ProcedureState, ProcedureStep};
use common::rpc::{ErrorCode, WireError};
use common::types::{Gpid, Member, PeerId, TableId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Advance;
use super::rebuild::Rebuild;
use super::region::RegionMigration;
use super::table::{CreateTable, DropTable};
use crate::record::Record;

/// Pauses between tries of one step: doubled from the first to the second.
const RETRY_MIN: Duration = Duration::from_millis(250);
const RETRY_MAX: Duration = Duration::from_secs(8);

/// A procedure, whole. What came later has a default, so that records of earlier versions are still read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Procedure {
    /// Identity.
    pub id: Uuid,
    /// What it does, with the step that it is in and what it found out.
    pub work: Work,
    /// Whether it waits, runs, or how it ended.
    pub state: ProcedureState,
    /// Every step entered, oldest first.
    pub history: Vec<ProcedureStep>,
    /// Times that a step was tried again.
    pub attempts: u32,
    /// Of them those of the present step.
    pub tries: u32,
    /// The present step is not tried again before, in Unix milliseconds.
    pub retry_at_ms: u64,
    /// What went wrong: at the last try of the present step, or what it is given up for.
    pub error: Option<ProcedureError>,
    /// What operators should know besides.
    pub note: Option<String>,
    /// An operator wants it to stop.
    pub cancel: bool,
    /// Unix milliseconds.
    pub queued_at_ms: u64,
    /// Unix milliseconds.
    pub started_at_ms: Option<u64>,
    /// Unix milliseconds.
    pub updated_at_ms: u64,
    /// Unix milliseconds.
    pub finished_at_ms: Option<u64>,
    /// When the present step is given up, in Unix milliseconds; `None` while it waits for its turn.
    pub deadline_at_ms: Option<u64>,
}

/// What a procedure does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// A replica moves from one node to another.
    RegionMigration(RegionMigration),
    /// A replica is made anew because its node is lost.
    Rebuild(Rebuild),
    /// A table comes to be.
    CreateTable(CreateTable),
    /// A table goes.
    DropTable(DropTable),
}

/// What a procedure concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// One replica of one partition.
    Replica(Transfer),
    /// All partitions of a table.
    Table(TableId),
}

/// A replica that goes from one node to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The partition.
    pub gpid: Gpid,
    /// The node that the replica leaves, or that lost it.
    pub from: PeerId,
    /// The node that it comes to.
    pub to: PeerId,
    /// Its copy there, once it was given its incarnation.
    pub target: Option<Member>,
}

/// Names a procedure in the order in which procedures are shown: oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProcedureKey {
    /// Unix milliseconds.
    pub queued_at_ms: u64,
    /// The procedure.
    pub id: Uuid,
}

impl Work {
    /// What kind it is.
    #[must_use]
    pub const fn kind(&self) -> ProcedureKind {
        match self {
            Self::RegionMigration(_) => ProcedureKind::RegionMigration,
            Self::Rebuild(_) => ProcedureKind::Rebuild,
            Self::CreateTable(_) => ProcedureKind::CreateTable,
            Self::DropTable(_) => ProcedureKind::DropTable,
        }
    }

    /// The name of its present step.
    #[must_use]
    pub const fn step(&self) -> &'static str {
        match self {
            Self::RegionMigration(migration) => migration.step.name(),
            Self::Rebuild(_) => Rebuild::STEP,
            Self::CreateTable(create) => create.step.name(),
            Self::DropTable(_) => DropTable::STEP,
        }
    }

    /// What it concerns.
    #[must_use]
    pub const fn subject(&self) -> Subject {
        match *self {
            Self::RegionMigration(ref m) => {
                Subject::Replica(Transfer { gpid: m.gpid, from: m.from, to: m.to, target: m.target })
            }
            Self::Rebuild(Rebuild { gpid, lost, target, .. }) => {
                Subject::Replica(Transfer { gpid, from: lost, to: target.peer, target: Some(target) })
            }
            Self::CreateTable(CreateTable { table, .. }) | Self::DropTable(DropTable { table, .. }) => {
                Subject::Table(table)
            }
        }
    }

    /// The replica that it brings from node to node, if it is that.
    #[must_use]
    pub const fn transfer(&self) -> Option<Transfer> {
        match self.subject() {
            Subject::Replica(transfer) => Some(transfer),
            Subject::Table(_) => None,
        }
    }

    /// The table that it concerns as a whole, if it is that.
    #[must_use]
    pub const fn table(&self) -> Option<TableId> {
        match self.subject() {
            Subject::Replica(_) => None,
            Subject::Table(table) => Some(table),
        }
    }

    /// Bytes that the target fetched, as far as is stored.
    pub(super) const fn bytes_done(&self) -> u64 {
        match self {
            Self::RegionMigration(migration) => migration.bytes_done,
            Self::Rebuild(rebuild) => rebuild.bytes_done,
            Self::CreateTable(_) | Self::DropTable(_) => 0,
        }
    }
}

impl Procedure {
    /// One that waits for its turn.
    #[must_use]
    pub fn new(id: Uuid, work: Work, now_ms: u64) -> Self {
        let first = ProcedureStep { step: work.step().to_owned(), at_ms: now_ms };
        Self {
            id,
            work,
            state: ProcedureState::Queued,
            history: vec![first],
            attempts: 0,
            tries: 0,
            retry_at_ms: 0,
            error: None,
            note: None,
            cancel: false,
            queued_at_ms: now_ms,
            started_at_ms: None,
            updated_at_ms: now_ms,
            finished_at_ms: None,
            deadline_at_ms: None,
        }
    }

    /// One that waits for nothing: it has begun, and may take so long; `None`: as long as it takes.
    #[must_use]
    pub(crate) fn begun(id: Uuid, work: Work, limit_ms: Option<u64>, now_ms: u64) -> Self {
        let deadline_at_ms = limit_ms.map(|limit_ms| now_ms.saturating_add(limit_ms));
        let (state, started_at_ms) = (ProcedureState::Running, Some(now_ms));
        Self { state, started_at_ms, deadline_at_ms, ..Self::new(id, work, now_ms) }
    }

    /// Its key.
    #[must_use]
    pub const fn key(&self) -> ProcedureKey {
        ProcedureKey { queued_at_ms: self.queued_at_ms, id: self.id }
    }

    /// When it entered its present step, in Unix milliseconds.
    #[must_use]
    pub fn entered_at_ms(&self) -> u64 {
        self.history.last().map_or(self.queued_at_ms, |step| step.at_ms)
    }

    /// The same with this work, whose step is another: it begins now.
    pub(super) fn entering(&self, work: Work, limit_ms: u64, now_ms: u64) -> Self {
        let mut next = Self { work, tries: 0, retry_at_ms: 0, updated_at_ms: now_ms, ..self.clone() };
        next.state = ProcedureState::Running;
        next.started_at_ms.get_or_insert(now_ms);
        next.deadline_at_ms = Some(now_ms.saturating_add(limit_ms));
        next.history.push(ProcedureStep { step: next.work.step().to_owned(), at_ms: now_ms });
        next
    }

    /// The same, over.
    ///
    /// # Panics
    /// If it is over already.
    pub(crate) fn ended(&self, state: ProcedureState, now_ms: u64) -> Self {
        assert!(!self.state.has_ended() && state.has_ended(), "procedure {} ends twice", self.id);
        let (updated_at_ms, finished_at_ms) = (now_ms, Some(now_ms));
        Self { state, updated_at_ms, finished_at_ms, deadline_at_ms: None, ..self.clone() }
    }

    /// What it concerns was lost with its metadata: it fails.
    pub(super) fn lost(&self, code: ErrorCode, what: &str, now_ms: u64) -> Advance {
        let error = Some(ProcedureError { code, message: what.to_owned() });
        let ended = Self { error, ..self.ended(ProcedureState::Failed, now_ms) };
        Advance { records: vec![ended.into()], ask: None }
    }

    /// A try of the present step failed; the next comes after a pause.
    pub(super) fn failed_try(&mut self, error: &WireError, now_ms: u64) {
        let pause = RETRY_MIN.saturating_mul(1 << self.tries.min(16)).min(RETRY_MAX);
        self.attempts = self.attempts.saturating_add(1);
        self.tries = self.tries.saturating_add(1);
        self.retry_at_ms = now_ms.saturating_add(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX));
        self.error = Some(ProcedureError { code: error.code, message: error.message.clone() });
    }

    /// Whether the present step has taken too long.
    #[must_use]
    pub fn is_overdue(&self, now_ms: u64) -> bool {
        self.deadline_at_ms.is_some_and(|deadline| now_ms >= deadline)
    }
}

impl From<Procedure> for Record {
    fn from(procedure: Procedure) -> Self {
        Self::Procedure(Box::new(procedure))
    }
}
