//! A partition's configuration, the changes that may be made to it, and the statuses of its replicas.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::{Ballot, Gpid, Incarnation, PeerId};
use super::slot::SlotRange;

/// One copy of a partition: the node that holds it and which copy it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Member {
    /// The node.
    pub peer: PeerId,
    /// The copy. A directory with another incarnation takes no role (rule INCARNATION).
    pub incarnation: Incarnation,
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.peer, self.incarnation)
    }
}

/// A replica that left the configuration for a disk move (rule MOVES): the guardian waits for it until the deadline,
/// and the primary keeps its log from `decree`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moving {
    /// The node on which the replica moves.
    pub peer: PeerId,
    /// The job, as in `common::job`.
    pub job: uuid::Uuid,
    /// Incarnation that the new copy will have; given by the change that took the replica out.
    pub incarnation: Incarnation,
    /// Unix milliseconds after which the configuration decides and the copy is surplus.
    pub deadline_ms: u64,
    /// The leaver was primary before the job and wants that role back at its end.
    pub hand_back: bool,
}

/// What the meta server decided for one partition. Changed only by compare-and-set on `ballot`, which rises by one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionConfig {
    /// Which partition.
    pub gpid: Gpid,
    /// The slots it owns; all routing uses this.
    pub slots: SlotRange,
    /// Version. 0: no primary has ever been, and only then may the learner create itself empty (rule LAST COPY).
    pub ballot: Ballot,
    /// How many members the table wants.
    pub replica_count: u32,
    /// The primary; `None` at ballot 0 and while no member may lead.
    pub primary: Option<Member>,
    /// The other members, in order of peer id.
    pub secondaries: Vec<Member>,
    /// Copies that catch up, in order of peer id. Not members: nothing waits for them.
    pub learners: Vec<Member>,
    /// Whether the previous primary consented to the present one; if not, the new one waits (rule TAKE-OVER).
    pub consented: bool,
    /// The ballot at which the meta server itself gave the present primary its role, when no process held one; `None`
    /// if a primary handed over or a secondary took over. A copy that was restarted leads only if this is above every
    /// ballot that it knows: otherwise it may have lost what it acknowledged (rule ROLES).
    pub appointed: Option<Ballot>,
    /// The incarnation that the next copy will get. Only ever rises.
    pub next_incarnation: Incarnation,
    /// A replica that is out for a disk move.
    pub moving: Option<Moving>,
}

impl PartitionConfig {
    /// Primary and secondaries.
    pub fn members(&self) -> impl Iterator<Item = Member> {
        self.primary.into_iter().chain(self.secondaries.iter().copied())
    }

    /// Members and learners.
    pub fn copies(&self) -> impl Iterator<Item = Member> {
        self.members().chain(self.learners.iter().copied())
    }

    /// Number of members.
    #[must_use]
    pub fn member_count(&self) -> usize {
        self.members().count()
    }

    /// Whether the node holds a member (primary or secondary).
    #[must_use]
    pub fn is_member(&self, peer: PeerId) -> bool {
        self.members().any(|m| m.peer == peer)
    }

    /// The copy that a node is to hold.
    #[must_use]
    pub fn copy_on(&self, peer: PeerId) -> Option<Member> {
        self.copies().find(|m| m.peer == peer)
    }

    /// The fewest members with which writes are accepted: 2 where three or more are wanted, else 1 (rule LAST COPY).
    #[must_use]
    pub const fn min_replicas(&self) -> usize {
        if self.replica_count >= 3 { 2 } else { 1 }
    }

    /// Whether every wanted member is there.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.primary.is_some() && self.member_count() >= self.replica_count as usize
    }
}

/// A change of one partition's configuration. Applied by `meta_state`, and there only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConfigChange {
    /// Adds a learner with a new incarnation. Asked of the meta server by its guardian or a procedure.
    AddLearner {
        /// Where.
        peer: PeerId,
    },
    /// The sitting primary says that the learner has everything: it becomes a secondary (rule UNION).
    Promote {
        /// The learner, by incarnation.
        learner: Member,
    },
    /// The sitting primary drops a secondary or a learner.
    Drop {
        /// Which copy.
        member: Member,
        /// Set when it leaves for a disk move: (job, deadline in Unix ms, hand the primary back). The change gives
        /// the new copy its incarnation and records `moving`.
        moving: Option<MovingRequest>,
    },
    /// The sitting primary hands over to a secondary and becomes one itself. It has stopped reading and committing.
    HandOver {
        /// The new primary.
        to: Member,
    },
    /// A secondary whose grace ran out asks to be primary; the old primary leaves the configuration.
    TakeOver {
        /// Who asks.
        by: Member,
    },
    /// The meta server itself gives ballot + 1 when no process holds a role: first primary of a new partition, or the
    /// best clean member after a restart (rule ROLES).
    Appoint {
        /// The new primary.
        primary: Member,
    },
    /// The new copy of a disk move is ready: it becomes a learner with the incarnation that `moving` recorded.
    Rejoin {
        /// The job.
        job: uuid::Uuid,
    },
    /// The move ended without a new copy: `moving` is cleared.
    EndMove {
        /// The job.
        job: uuid::Uuid,
    },
}

/// What a leaver asks for when it goes out for a disk move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovingRequest {
    /// The job.
    pub job: uuid::Uuid,
    /// Unix milliseconds until which the guardian waits.
    pub deadline_ms: u64,
    /// It was primary before the job.
    pub hand_back: bool,
}

/// What a replica is at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplicaStatus {
    /// Gives decrees, answers clients.
    Primary,
    /// Member that follows.
    Secondary,
    /// Potential secondary: catches up.
    Learner,
    /// Has data and no role.
    Inactive,
    /// Cannot serve: its disk failed, or its data is damaged.
    Error,
}

impl fmt::Display for ReplicaStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
            Self::Learner => "learner",
            Self::Inactive => "inactive",
            Self::Error => "error",
        })
    }
}
