//! Client and operator's tool to meta server.
#![allow(missing_docs, reason = "the service macro generates items without docs; the trait's methods carry them")]

use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::disk_plan::{DiskPlans, PlanRequest};
use super::error::WireResult;
use super::meta_node::DiskReport;
use crate::alarm::Alarm;
use crate::job::Job;
use crate::procedure::{MigrateRegion, ProcedureFilter, ProcedureInfo};
use crate::types::{Gpid, Member, PartitionConfig, PeerId, TableId};

/// What the meta server does for clients and operators.
#[tarpc::service]
pub trait MetaAdminService {
    /// The route of a table by its name.
    async fn route(table: String) -> WireResult<TableRoute>;

    /// Creates a table. It is durable when this answers; a procedure watches until its replicas are there.
    async fn create_table(name: String, partitions: u32, replicas: u32) -> WireResult<AcceptedTable>;

    /// Drops a table: nobody can use it when this answers; a procedure watches until its replicas are set aside.
    async fn drop_table(name: String) -> WireResult<AcceptedTable>;

    /// All tables, in order of id.
    async fn tables() -> WireResult<Vec<TableInfo>>;

    /// All nodes, in order of peer id, and facts of the cluster.
    async fn cluster() -> WireResult<ClusterInfo>;

    /// Makes a secondary the primary, with the present primary's consent.
    async fn propose(gpid: Gpid, primary: PeerId) -> WireResult<()>;

    /// For a partition with no member left: says what may be lost, and with `confirmed` does it (rule LAST COPY).
    async fn recover(gpid: Gpid, dead: Vec<PeerId>, confirmed: bool) -> WireResult<RecoverPlan>;

    /// Moves between disks as the meta server knows them, and those between nodes, oldest first; all nodes if `None`.
    async fn jobs(node: Option<PeerId>) -> WireResult<Vec<Job>>;

    /// Moves a replica to another node; durable when this answers.
    async fn migrate_region(request: MigrateRegion) -> WireResult<ProcedureInfo>;

    /// The procedures that match, oldest first.
    async fn procedures(filter: ProcedureFilter) -> WireResult<Vec<ProcedureInfo>>;

    /// A procedure.
    async fn procedure(id: Uuid) -> WireResult<ProcedureInfo>;

    /// Cancels a procedure that can still turn back; the cancel is durable when this answers.
    async fn cancel_procedure(id: Uuid) -> WireResult<ProcedureInfo>;

    /// Switches maintenance mode: while it is on no copies of lost nodes are made anew. Durable when this answers.
    async fn set_maintenance(on: bool) -> WireResult<Maintenance>;

    /// Whether maintenance mode is on.
    async fn maintenance() -> WireResult<Maintenance>;

    /// Where the meta server that decides is reached.
    async fn leader() -> WireResult<Leader>;

    /// Lets all replicas of a node leave it, a few at a time, and none come to it; or lets it take part again. Durable when
    /// this answers; the replicas go by themselves.
    async fn drain_node(node: PeerId, draining: bool) -> WireResult<NodeInfo>;

    /// Plans moves between the disks of nodes, as they stand now. Changes nothing.
    async fn plan_disks(request: PlanRequest) -> WireResult<DiskPlans>;
}

/// Maintenance mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maintenance {
    /// Since when it is on, in Unix milliseconds; `None`: it is off.
    pub since_ms: Option<u64>,
}

/// A meta server's addresses, as it listens on them: the host may be unspecified (`0.0.0.0`), which stands for the one
/// through which it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leader {
    /// Of calls.
    pub rpc: SocketAddr,
    /// Of HTTP.
    pub http: SocketAddr,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableInfo {
    /// Its id, from 1.
    pub table_id: TableId,
    /// Its name.
    pub name: String,
    /// Number of partitions.
    pub partitions: u32,
    /// Wanted members per partition.
    pub replicas: u32,
    /// Partitions that have all of them.
    pub healthy: u32,
}

/// A table that is created or dropped, and what watches over that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedTable {
    /// The table.
    pub table: TableInfo,
    /// The procedure.
    pub procedure: Uuid,
}

/// A table with where its partitions are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRoute {
    /// The table.
    pub table: TableInfo,
    /// Its partitions, in order of index.
    pub configs: Vec<Arc<PartitionConfig>>,
    /// The address of every node named.
    pub nodes: Vec<(PeerId, String)>,
}

/// The cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterInfo {
    /// Its id.
    pub cluster: Uuid,
    /// Its nodes, in order of peer id.
    pub nodes: Vec<NodeInfo>,
    /// Tables.
    pub tables: u32,
    /// Partitions of all tables.
    pub partitions: u32,
    /// Those of them that have a primary and all members.
    pub healthy: u32,
    /// Maintenance mode, and since when in Unix milliseconds; `None`: it is off.
    pub maintenance_since_ms: Option<u64>,
    /// What does not get well by itself, the most urgent first; of very many only the first.
    pub alarms: Vec<Alarm>,
    /// How many there are.
    pub alarms_total: u32,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeInfo {
    /// Its id.
    pub peer_id: PeerId,
    /// Its address.
    pub address: String,
    /// Where Redis clients reach it, if it listens for them.
    pub resp: Option<String>,
    /// Whether it heartbeats.
    pub alive: bool,
    /// Whether it heartbeats and has opened all its replicas since it started; before that it is given none.
    pub loaded: bool,
    /// Members it holds.
    pub replicas: u32,
    /// Of them primaries.
    pub primaries: u32,
    /// Of them secondaries.
    pub secondaries: u32,
    /// Learners it holds: copies that catch up.
    pub learners: u32,
    /// Milliseconds since it was last heard of; `None`: not since the meta server started.
    pub silent_ms: Option<u64>,
    /// Its disks, in order of tag.
    pub disks: Vec<DiskReport>,
    /// Whether its replicas are to leave it.
    pub draining: bool,
    /// Why some of them cannot, for now.
    pub drain_blocked: Option<String>,
}

/// What a recovery would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoverPlan {
    /// The copy that would lead; `None`: no copy is left, and nothing can be done but wait.
    pub primary: Option<Member>,
    /// What may be lost, in words.
    pub may_lose: String,
    /// Whether it was done.
    pub done: bool,
}
