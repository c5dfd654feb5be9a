//! Replica server to replica server: replication, beacons, learning.
#![allow(missing_docs, reason = "the service macro generates items without docs; the trait's methods carry them")]

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::error::WireResult;
use crate::types::{Ballot, Beacon, BeaconAnswer, Decree, Envelope, Gpid, Member, Mutation, PeerId, ProcessId};

/// Partitions that one question for commit points names, at most.
pub const COMMIT_POINTS_MAX: usize = 4096;

/// What two replica servers say to each other.
#[tarpc::service]
pub trait PeerService {
    /// Delivers messages of any partitions; answered once they are handed to their tasks, not once they are handled.
    async fn deliver(from: PeerId, process: ProcessId, messages: Vec<Envelope>) -> ();

    /// A beacon, and which of its entries are granted.
    async fn beacon(from: PeerId, beacon: Beacon) -> BeaconAnswer;

    /// A learner asks for what it lacks; the primary answers with what is cheapest.
    async fn learn(request: LearnRequest) -> WireResult<LearnOffer>;

    /// The next records of a log learn: committed mutations from `from` on, at most about 1 MiB.
    async fn learn_log(session: u64, from: Decree) -> WireResult<Vec<Arc<Mutation>>>;

    /// A piece of a file of a checkpoint learn, at most 1 MiB, from `offset`.
    async fn learn_chunk(session: u64, file: u32, offset: u64) -> WireResult<LearnChunk>;

    /// The learner has what it needs: the session's pins and files may go.
    async fn learn_end(session: u64) -> ();

    /// Up to where each of these partitions is committed, if the node leads it at this ballot and could answer a read of it
    /// now; of others nothing is said. At most [`COMMIT_POINTS_MAX`] are looked at.
    async fn commit_points(asked: Vec<(Gpid, Ballot)>) -> Vec<CommitPoint>;
}

/// Up to where a partition is committed, said by its primary while it holds its lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitPoint {
    /// The partition.
    pub gpid: Gpid,
    /// The ballot at which it is led.
    pub ballot: Ballot,
    /// Every write that was acknowledged when the question arrived is at or below this.
    pub committed: Decree,
    /// The time by which the primary judges expiry, Unix ms.
    pub time_ms: u64,
}

/// What a learner says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LearnRequest {
    /// The partition.
    pub gpid: Gpid,
    /// The learner's copy.
    pub learner: Member,
    /// The copy asked, primary as far as the learner knows.
    pub primary: Member,
    /// The first decree that it lacks.
    pub from: Decree,
}

/// What the primary offers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum LearnOffer {
    /// All that is missing, from the prepare cache.
    Cache {
        /// Committed mutations from the decree asked for.
        mutations: Vec<Arc<Mutation>>,
    },
    /// The log holds it: fetch with `learn_log` from the decree asked for up to and including `until`.
    Log {
        /// Names the session.
        session: u64,
        /// The last committed decree when it was offered.
        until: Decree,
    },
    /// Only a checkpoint will do.
    Checkpoint {
        /// Names the session. After a broken connection it goes on with the piece that is missing.
        session: u64,
        /// Its applied decree.
        decree: Decree,
        /// Greatest mutation time in it, Unix ms.
        time_ms: u64,
        /// Its files.
        files: Vec<LearnFile>,
    },
}

/// A file of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearnFile {
    /// File name, without any directory.
    pub name: String,
    /// Bytes.
    pub size: u64,
}

/// A piece of a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LearnChunk {
    /// The bytes; fewer than asked only at the end of the file.
    pub data: Bytes,
    /// CRC-32 of `data`.
    pub crc32: u32,
}
