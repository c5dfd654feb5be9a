//! What replica servers say to each other about replication. Data only; the meaning is in the crate `pacifica`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::config::{Member, PartitionConfig};
use super::ids::{Ballot, Decree, Gpid, ProcessId};
use super::mutation::Mutation;

/// A message from one copy of a partition to another. Dropped by the receiver unless `to` names the copy that it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The partition.
    pub gpid: Gpid,
    /// Sender's copy.
    pub from: Member,
    /// Addressee's copy.
    pub to: Member,
    /// What is said.
    pub message: Message,
}

/// A message of the replication protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// Primary to member or learner: prepare these, and know what is committed.
    Prepare(Prepare),
    /// The answer, once everything up to `matched` is durable.
    PrepareAck(PrepareAck),
    /// A prepare was refused.
    PrepareRefused {
        /// The refuser's ballot.
        ballot: Ballot,
        /// Why.
        reason: RefuseReason,
    },
    /// A configuration that the receiver may not know yet. The meta server decided it; anyone may pass it on.
    Config(Arc<PartitionConfig>),
    /// A member that leaves for a disk move, or is unhealthy, asks the primary to drop it.
    AskDrop {
        /// The disk move it leaves for.
        moving: Option<super::config::MovingRequest>,
    },
    /// A member, the meta server or an operator (by way of a member) asks the primary to hand over.
    AskHandOver {
        /// To whom.
        to: Member,
    },
}

/// Primary to members: part of the stream of one ballot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepare {
    /// The sender's ballot; every mutation below carries the same.
    pub ballot: Ballot,
    /// The primary's committed decree when it began this ballot: a member's records up to here are right as they are.
    pub base: Decree,
    /// The primary's committed decree now.
    pub committed: Decree,
    /// Its time at that commit point, in Unix ms (rule TIME).
    pub time_ms: u64,
    /// In order of decree, without gaps; empty to carry the commit point alone.
    pub mutations: Vec<Arc<Mutation>>,
}

/// Member to primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrepareAck {
    /// The ballot that it speaks of.
    pub ballot: Ballot,
    /// Everything up to here is durable on the sender, without a gap, and is what this ballot's primary sent or
    /// committed.
    pub matched: Decree,
    /// The sender's committed decree.
    pub committed: Decree,
}

/// Why a prepare was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefuseReason {
    /// It carries an older ballot.
    StaleBallot,
    /// The receiver has no role in that ballot, or does not know the configuration yet.
    NoRole,
    /// The disk is full.
    NoSpace,
    /// The replica is in error.
    Unhealthy,
}

/// From node to node, every beacon interval: "I am primary of these at these ballots, with a copy on you".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beacon {
    /// The sender's process.
    pub process: ProcessId,
    /// The process it means to reach; an answer of another one never counts. `None` until it is known.
    pub to_process: Option<ProcessId>,
    /// Rises by one with each beacon of a process to a node.
    pub sequence: u64,
    /// Version of the roster after this beacon's changes.
    pub roster_version: u64,
    /// Version that `changed` and `removed` are relative to; `None`: `changed` is the whole roster.
    pub based_on: Option<u64>,
    /// Entries new or with another ballot.
    pub changed: Vec<(Gpid, Ballot)>,
    /// Entries gone.
    pub removed: Vec<Gpid>,
}

/// The answer to a beacon. What is not refused is granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeaconAnswer {
    /// The answerer's process.
    pub process: ProcessId,
    /// The beacon answered.
    pub sequence: u64,
    /// Its roster is not known: send the whole. Nothing is granted.
    pub need_whole_roster: bool,
    /// Not granted: other ballot, not a member or learner, or unhealthy.
    pub refused: Vec<Gpid>,
}
