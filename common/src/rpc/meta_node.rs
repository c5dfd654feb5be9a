//! Replica server to meta server.
#![allow(missing_docs, reason = "the service macro generates items without docs; the trait's methods carry them")]

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::WireResult;
use super::node_admin::DiskStatus;
use crate::job::Job;
use crate::types::{
    Ballot, ConfigChange, Decree, Gpid, Incarnation, PartitionConfig, PeerId, ProcessId, ReplicaStatus,
};

/// What the meta server does for replica servers.
#[tarpc::service]
pub trait MetaNodeService {
    /// A process of a replica server says that it is there. The same address always gets the same peer id. Refused if
    /// the disks belong to another cluster.
    async fn register(registration: Registration) -> WireResult<Registered>;

    /// The node's report, about every second; answered with what it should know.
    async fn heartbeat(heartbeat: Heartbeat) -> WireResult<HeartbeatReply>;

    /// A change by compare-and-set on `expected`.
    ///
    /// Idempotent where it was already done: a change that is in force at `expected + 1` answers that configuration.
    async fn change(
        from: PeerId,
        process: ProcessId,
        gpid: Gpid,
        expected: Ballot,
        change: ConfigChange,
    ) -> WireResult<ChangeOutcome>;

    /// Configurations as they are now.
    async fn configs(gpids: Vec<Gpid>) -> WireResult<Vec<Arc<PartitionConfig>>>;

    /// The configurations that name a node: with a copy, or with a move of its copy.
    async fn configs_of(peer: PeerId) -> WireResult<Vec<Arc<PartitionConfig>>>;

    /// Locks a partition for a job (rule MOVES); answers at once if that job holds it already.
    async fn lock(gpid: Gpid, job: Uuid) -> WireResult<()>;

    /// Gives the lock back; harmless a second time.
    async fn unlock(gpid: Gpid, job: Uuid) -> WireResult<()>;
}

/// A process of a replica server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Where others reach it, `host:port`.
    pub address: String,
    /// This run.
    pub process: ProcessId,
    /// The cluster its disks belong to; `None` if they are all new.
    pub cluster: Option<Uuid>,
    /// Whether its log survives power cuts (`log.sync = always`) (rule ROLES).
    pub sync_always: bool,
    /// Where Redis clients reach it, `host:port`; `None`: it does not listen for them.
    pub resp: Option<String>,
}

/// What a registered process must know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// The cluster.
    pub cluster: Uuid,
    /// The node's id, for ever.
    pub peer: PeerId,
}

/// A node's report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The node.
    pub peer: PeerId,
    /// The run; an older one is told to stop.
    pub process: ProcessId,
    /// Whether all its replicas are loaded; before that nothing is concluded from what is missing.
    pub loaded: bool,
    /// It is told to stop and hands its primaries over.
    pub stopping: bool,
    /// Its disks.
    pub disks: Vec<DiskReport>,
    /// Bytes that must stay free on a disk beyond a copy that comes to it.
    pub headroom_bytes: u64,
    /// Its replicas, in order of gpid.
    pub replicas: Vec<ReplicaReport>,
    /// Version of the node list that it knows.
    pub nodes_version: u64,
    /// Jobs that changed since the last answered heartbeat.
    pub jobs: Vec<Job>,
}

/// A disk, in a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskReport {
    /// Its tag.
    pub disk: String,
    /// Its status.
    pub status: DiskStatus,
    /// Bytes.
    pub capacity_bytes: u64,
    /// Bytes.
    pub available_bytes: u64,
    /// It gets no new replicas.
    pub draining: bool,
}

/// A replica, in a heartbeat (rule ROLES).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaReport {
    /// Which partition.
    pub gpid: Gpid,
    /// Which copy.
    pub incarnation: Incarnation,
    /// Its status now.
    pub status: ReplicaStatus,
    /// The ballot of its durable info.
    pub ballot: Ballot,
    /// The ballot of its last prepared record.
    pub prepared_ballot: Ballot,
    /// Its last prepared decree, gap-free.
    pub prepared: Decree,
    /// Its committed decree.
    pub committed: Decree,
    /// The log was read to its end without damage, and its recovered tail is fsynced.
    pub clean: bool,
    /// Bytes of its data on disk and in memory, as of a few seconds ago.
    pub size_bytes: u64,
    /// Bytes that it fetched as a learner in this process.
    pub learned_bytes: u64,
    /// Bytes that it was offered as a learner in this process, those that it fetched included.
    pub learn_bytes: u64,
}

/// What a node should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatReply {
    /// Configurations that name this node and are newer than it reported, or that no longer name it.
    pub configs: Vec<Arc<PartitionConfig>>,
    /// Version of `nodes`.
    pub nodes_version: u64,
    /// The address of every node, if the caller's version is old.
    pub nodes: Option<Vec<(PeerId, String)>>,
    /// Copies to set aside: (gpid, incarnation, ballot) (rule COLLECT).
    pub collect: Vec<(Gpid, Incarnation, Ballot)>,
}

/// The outcome of a change that was decided; anything else is an error and no outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChangeOutcome {
    /// It is in force: the configuration that it made.
    Installed(Arc<PartitionConfig>),
    /// The ballot is already above `expected`: the present configuration.
    Superseded(Arc<PartitionConfig>),
    /// Refused for good at this ballot, which is unchanged.
    Refused(Arc<PartitionConfig>, super::error::WireError),
}
