//! Procedures of the meta server as operators see them: work of several steps that survives its crashes. Pure.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::rpc::ErrorCode;
use crate::types::{Gpid, PeerId};

/// What a procedure does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcedureKind {
    /// A replica moves from one node to another.
    RegionMigration,
    /// A replica is made anew because its node is lost.
    Rebuild,
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
    /// What moves.
    pub gpid: Option<Gpid>,
    /// The node that it leaves.
    pub from: Option<PeerId>,
    /// The node that it goes to.
    pub to: Option<PeerId>,
    /// What went wrong.
    pub error: Option<ProcedureError>,
    /// What there is to know besides, in words: that nothing was left to do, for example.
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
        let shown = ProcedureState::ALL.map(|state| state.to_string());
        assert_eq!(shown, ["queued", "running", "completed", "failed", "cancelled"]);
    }
}
