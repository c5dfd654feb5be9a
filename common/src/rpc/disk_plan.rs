//! Plans of moves between the disks of a node: what is asked of the meta server, and what it answers.

use serde::{Deserialize, Serialize};

use super::error::WireError;
use super::node_admin::DiskStatus;
use crate::types::{Gpid, PeerId};

/// What is evened out over the disks of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BalanceBy {
    /// The used share of each disk, other programs' files included.
    #[default]
    Bytes,
    /// The number of replicas, in proportion to the disks' capacities.
    Count,
    /// The number of primaries.
    Primaries,
}

/// What a plan is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlanGoal {
    /// The shares of the disks become even.
    Balance(BalanceBy),
    /// This disk becomes empty.
    Drain {
        /// Its tag.
        disk: String,
    },
}

/// Asks for plans.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRequest {
    /// For this node; `None`: for all.
    pub node: Option<PeerId>,
    /// What for.
    pub goal: PlanGoal,
    /// Whether the only replica of a table may move too: writes to it pause meanwhile.
    pub include_single: bool,
    /// Limit of each copy in bytes per second, 0 for none; `None`: the node's own.
    pub max_rate_bytes_per_s: Option<u64>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiskPlans {
    /// In order of peer id.
    pub plans: Vec<DiskPlan>,
    /// Nodes that could not be asked, if all were meant.
    pub unasked: Vec<(PeerId, WireError)>,
}

/// The plan for one node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiskPlan {
    /// The node.
    pub node: PeerId,
    /// What for.
    pub goal: PlanGoal,
    /// In the order in which they are to be submitted.
    pub moves: Vec<PlannedMove>,
    /// The disks, in order of tag.
    pub disks: Vec<DiskShare>,
    /// Replicas of a disk to be emptied that no move takes away.
    pub stays: Vec<Staying>,
    /// Fullest less emptiest share now, in the unit of [`DiskShare::before`]; see [`BalanceBy`].
    pub gap_before: f64,
    /// The same after all moves.
    pub gap_after: f64,
    /// Bytes that the moves copy.
    pub bytes: u64,
    /// Limit of each copy in bytes per second; 0: none.
    pub max_rate_bytes_per_s: u64,
    /// How long the moves take one after the other and side by side, in milliseconds; `None` without a limit.
    pub expected_ms: Option<u64>,
}

/// A move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedMove {
    /// What moves.
    pub gpid: Gpid,
    /// Disk tag it leaves.
    pub source: String,
    /// Disk tag it goes to.
    pub target: String,
    /// Its bytes.
    pub bytes: u64,
    /// Whether it is primary now: it is handed over first, and back at the end.
    pub primary: bool,
    /// Why, in words.
    pub reason: String,
}

/// A disk before and after a plan. Shares are of 1 by bytes, and a number by count and by primaries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiskShare {
    /// Its tag.
    pub disk: String,
    /// Its status.
    pub status: DiskStatus,
    /// Its share now.
    pub before: f64,
    /// Its share after all moves.
    pub after: f64,
    /// Bytes of replicas now.
    pub bytes_before: u64,
    /// Bytes of replicas after all moves.
    pub bytes_after: u64,
    /// Replicas now.
    pub replicas_before: u32,
    /// Replicas after all moves.
    pub replicas_after: u32,
    /// Primaries now.
    pub primaries_before: u32,
    /// Primaries after all moves.
    pub primaries_after: u32,
}

/// Why a replica stays on a disk that is to be emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StayCause {
    /// A job moves it already.
    Moves,
    /// It is no member of its partition now.
    NoMember,
    /// Its partition has too few members to miss one for a moment.
    TooFewMembers,
    /// It is the only replica of its table, which was not asked for.
    Single,
    /// No other disk has room for it.
    NoRoom,
    /// The disk cannot be read; the partition has all its members without it.
    Cured,
    /// The disk cannot be read; other members are left, and a new copy is made from them.
    Waits,
    /// The disk cannot be read, and no other member is left.
    Lost,
}

/// A replica that stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staying {
    /// Which.
    pub gpid: Gpid,
    /// Why, for scripts.
    pub cause: StayCause,
    /// Members of its partition on sound disks.
    pub members: u32,
    /// Why, in words, and what to do.
    pub reason: String,
}
