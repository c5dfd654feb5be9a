//! Operator's tool and meta server to replica server.
#![allow(missing_docs, reason = "the service macro generates items without docs; the trait's methods carry them")]

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::WireResult;
use super::garbage::{GarbageDir, GcRequest};
use super::rates::{CopyRates, RateChange};
use crate::job::Job;
use crate::types::{Ballot, Decree, Gpid, Incarnation, Member, PartitionConfig, ReplicaStatus};

/// What a replica server does for operators and for the meta server.
#[tarpc::service]
pub trait NodeAdminService {
    /// The meta server pushes configurations that concern this node; older ones are ignored.
    async fn install(configs: Vec<Arc<PartitionConfig>>) -> ();

    /// Sets a copy aside (rename to `.gar`). Refused with a role, a newer ballot, or another incarnation.
    async fn collect(gpid: Gpid, incarnation: Incarnation, ballot: Ballot) -> WireResult<()>;

    /// Asks the local primary to hand over to another member.
    async fn hand_over(gpid: Gpid, to: Member) -> WireResult<()>;

    /// Asks the local primary to drop a secondary that is to leave for good. It does so once enough members are left.
    async fn drop_member(gpid: Gpid, member: Member) -> WireResult<()>;

    /// Answers when the local copy of this incarnation serves as primary; the caller says how long it waits.
    async fn serving(gpid: Gpid, incarnation: Incarnation) -> WireResult<()>;

    /// The disks, with the replicas on them.
    async fn disks() -> WireResult<Vec<DiskInfo>>;

    /// Marks a disk as draining, or takes the mark away: it gets no new replicas and is no target of moves. Durable
    /// when this answers; a failed disk can be marked too.
    async fn set_draining(disk: String, draining: bool) -> WireResult<()>;

    /// What a plan of moves between the disks is made from.
    async fn disk_usage() -> WireResult<NodeUsage>;

    /// Takes a directory in as a disk of the node, without a restart. Nothing is written if it is refused.
    async fn disk_add(disk: String, path: String) -> WireResult<DiskInfo>;

    /// Lets a disk go, without a restart; when this answers nothing of it is open any more, and it may be unmounted.
    async fn disk_remove(request: DiskRemove) -> WireResult<DiskInfo>;

    /// Starts a move between disks; the job is durable when this answers.
    async fn disk_migrate(request: DiskMigrate) -> WireResult<Job>;

    /// Jobs of this node, oldest first.
    async fn jobs() -> WireResult<Vec<Job>>;

    /// Cancels a move that can still turn back; the cancel is durable when this answers.
    async fn disk_migrate_cancel(job: JobName) -> WireResult<Job>;

    /// Changes a limit of the copies, if asked to, durably; answers with the limits as they then are.
    async fn disk_migrate_rate(change: RateChange) -> WireResult<CopyRates>;

    /// Lists the directories that have lost their name and, if asked to, removes those that may go.
    async fn disk_gc(request: GcRequest) -> WireResult<Vec<GarbageDir>>;

    /// Digest of a replica's live records: `at` the exact applied decree (waits for it), or wherever it is.
    async fn digest(gpid: Gpid, at: Option<Decree>) -> WireResult<Digest>;

    /// Flushes a replica's memtable.
    async fn flush(gpid: Gpid) -> WireResult<Decree>;

    /// Reads and checks every SST block and every log frame of a replica.
    async fn scrub(gpid: Gpid) -> WireResult<ScrubReport>;
}

/// A move between two disks of the node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskMigrate {
    /// What moves.
    pub gpid: Gpid,
    /// Disk tag it leaves.
    pub source: String,
    /// Disk tag it goes to.
    pub target: String,
    /// Whether a primary may be handed over first; else it is refused.
    pub demote: bool,
    /// Limit of this job in bytes per second; `None` or 0: the node's limit alone.
    pub max_rate_bytes_per_s: Option<u64>,
    /// Whether the origin is removed as soon as the job has completed.
    pub purge_origin: bool,
}

/// A job as operators name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobName {
    /// By its id.
    Id(Uuid),
    /// Whatever moves that partition's replica now.
    Of(Gpid),
}

/// The removal of a disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskRemove {
    /// Its tag.
    pub disk: String,
    /// Remove first what was set aside on it, before its time, if that may go at all.
    pub purge_garbage: bool,
    /// It is IO_ERROR, and what stands on it is given up.
    pub broken: bool,
}

/// Whether a disk takes writes and new replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DiskStatus {
    /// It does.
    Normal,
    /// Too full for writes; recovers by itself when space returns.
    SpaceInsufficient,
    /// It failed; its replicas are cured elsewhere.
    IoError,
}

/// A disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskInfo {
    /// Its tag.
    pub disk: String,
    /// Its directory.
    pub path: String,
    /// Its status.
    pub status: DiskStatus,
    /// Why, if it is not NORMAL.
    pub reason: Option<String>,
    /// Size of its file system, in bytes.
    pub capacity_bytes: u64,
    /// Free for Godwit, in bytes.
    pub available_bytes: u64,
    /// It gets no new replicas: they are to leave it.
    pub draining: bool,
    /// It was added while the server ran, and `data_dirs` does not name it.
    pub added: bool,
    /// The replicas on it, in order of gpid.
    pub replicas: Vec<ReplicaInfo>,
}

/// The disks of a node, as a plan of moves needs them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeUsage {
    /// Its disks.
    pub disks: Vec<DiskUsage>,
    /// Moves that wait or are under way.
    pub moves: Vec<Job>,
    /// Bytes that must stay free on a target beyond the replica.
    pub headroom_bytes: u64,
    /// Limit of a copy in bytes per second unless its request says otherwise; 0: none.
    pub max_rate_bytes_per_s: u64,
}

/// A disk, and what stands on it beside replicas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskUsage {
    /// The disk.
    pub info: DiskInfo,
    /// Number of the file system that it lies in.
    pub file_system: u64,
    /// Bytes of directories that were set aside and go after their time.
    pub set_aside_bytes: u64,
}

/// A replica on a disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaInfo {
    /// Which partition.
    pub gpid: Gpid,
    /// Which copy.
    pub incarnation: Incarnation,
    /// Its status.
    pub status: ReplicaStatus,
    /// Its ballot.
    pub ballot: Ballot,
    /// Bytes in its directory.
    pub size_bytes: u64,
    /// Last applied decree.
    pub applied: Decree,
}

/// Digest of a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// At this applied decree.
    pub decree: Decree,
    /// Records counted.
    pub records: u64,
    /// Order-dependent hash of keys and stored values.
    pub hash: u64,
}

/// What a scrub found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScrubReport {
    /// SST bytes read.
    pub sst_bytes: u64,
    /// Log frames read.
    pub log_frames: u64,
    /// Damage, in words; empty if all is well.
    pub damage: Vec<String>,
}
