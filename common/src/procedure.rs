//! Procedures of the meta server as operators see them: work of several steps that survives its crashes. Pure.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::rpc::ErrorCode;
use crate::types::{Gpid, PeerId, TableId};

/// What a procedure does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcedureKind {
    /// A replica moves from one node to another.
    RegionMigration,
    /// A replica is made anew because its node is lost.
    Rebuild,
    /// A table comes to be, until each of its partitions has all members.
    CreateTable,
    /// A table was dropped, until no node holds a copy of it any more.
    DropTable,
}

impl fmt::Display for ProcedureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// Whether a procedure waits, runs, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProcedureState {
    /// Accepted, durable, and waiting for its turn.
    Queued,
    /// Under way.
    Running,
    /// Done.
    Completed,
    /// Given up; the error says why.
    Failed,
    /// Stopped by an operator, with nothing changed.
    Cancelled,
}

impl ProcedureState {
    /// Every state there is.
    pub const ALL: [Self; 5] = [Self::Queued, Self::Running, Self::Completed, Self::Failed, Self::Cancelled];

    /// Whether nothing more happens.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for ProcedureState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// What went wrong: while it runs, at the last try; once it has failed, its root cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcedureError {
    /// What kind.
    pub code: ErrorCode,
    /// In words.
    pub message: String,
}

/// A step that was entered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcedureStep {
    /// Its name, for example `catch_up`.
    pub step: String,
    /// When, in Unix milliseconds.
    pub at_ms: u64,
}

/// What a procedure concerns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcedureSubject {
    /// A replica that goes from node to node.
    Replica {
        /// The partition.
        gpid: Gpid,
        /// The node that it leaves, or that lost it.
        from: PeerId,
        /// The node that it comes to.
        to: PeerId,
    },
    /// A whole table.
    Table {
        /// Its id.
        table_id: TableId,
        /// Its name; another table may have it by now.
        name: String,
    },
}

/// Of a table's partitions: those that are as the present step wants them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionCount {
    /// So many are.
    pub done: u32,
    /// Of so many.
    pub total: u32,
}

/// A procedure, as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcedureInfo {
    /// Identity.
    pub id: Uuid,
    /// What it does.
    pub kind: ProcedureKind,
    /// Whether it waits, runs, or how it ended.
    pub state: ProcedureState,
    /// The step that it is in, or was in last.
    pub step: String,
    /// How far it is, 0 to 100; 100 only once completed.
    pub percent: u8,
    /// Mutations that the new copy lacks, as of the last heartbeats; `None` where that means nothing or is not known.
    pub lag: Option<u64>,
    /// Times that a step was tried again.
    pub attempts: u32,
    /// What it concerns.
    pub subject: ProcedureSubject,
    /// How many partitions are as the step wants them; `None` where it concerns no table.
    pub partitions: Option<PartitionCount>,
    /// What went wrong.
    pub error: Option<ProcedureError>,
    /// What there is to know besides, in words: that nothing was left to do, for example, or what is waited for.
    pub note: Option<String>,
    /// Every step entered, oldest first.
    pub history: Vec<ProcedureStep>,
    /// From just before the primary was asked to hand over until the new one served, in milliseconds; `None` if it did
    /// not change, or nobody saw it.
    pub write_pause_ms: Option<u64>,
    /// Bytes that the new copy fetched, as of its last heartbeat.
    pub bytes_done: u64,
    /// Bytes that it was offered, those that it has included; 0 before it began. Grows while it catches up.
    pub bytes_total: u64,
    /// Unix milliseconds.
    pub queued_at_ms: u64,
    /// Unix milliseconds.
    pub started_at_ms: Option<u64>,
    /// Unix milliseconds.
    pub updated_at_ms: u64,
    /// Unix milliseconds.
    pub finished_at_ms: Option<u64>,
    /// When the present step is given up, in Unix milliseconds; `None`: it waits for its turn, or has ended.
    pub deadline_at_ms: Option<u64>,
}

impl ProcedureInfo {
    /// Whether it concerns a whole table.
    #[must_use]
    pub const fn is_of_table(&self) -> bool {
        matches!(self.subject, ProcedureSubject::Table { .. })
    }
}

/// A request to move a replica to another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrateRegion {
    /// What moves.
    pub gpid: Gpid,
    /// The node that it leaves.
    pub from: PeerId,
    /// The node that it goes to.
    pub to: PeerId,
    /// How long the new copy may take to catch up, in milliseconds.
    pub replay_timeout_ms: u64,
}

/// Which procedures to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcedureFilter {
    /// Only those in this state.
    pub state: Option<ProcedureState>,
    /// The most to list, the newest of them; `None`: all.
    pub limit: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_states_are_shown_as_in_json() {
        assert_eq!(ProcedureKind::RegionMigration.to_string(), "region_migration");
        assert_eq!(ProcedureKind::CreateTable.to_string(), "create_table");
        let shown = ProcedureState::ALL.map(|state| state.to_string());
        assert_eq!(shown, ["queued", "running", "completed", "failed", "cancelled"]);
    }
}
