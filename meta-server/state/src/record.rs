//! What is durable, as the smallest things that are written. A decision returns records; they are stored; then they
//! are applied. Nothing else changes the durable part of the state.

use common::job::Job;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::node::Node;
use crate::partition::Partition;
use crate::procedure::{Procedure, ProcedureKey};
use crate::table::Table;

/// What the cluster is called, its counters, and what holds for all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Minted at the meta server's first start; every disk carries it.
    pub cluster: Uuid,
    /// The id that the next table gets.
    pub next_table: u32,
    /// The id that the next node gets.
    pub next_peer: u64,
    /// Maintenance mode, and since when in Unix milliseconds; `None`: it is off.
    #[serde(default)]
    pub maintenance_since_ms: Option<u64>,
}

impl Identity {
    /// A new cluster.
    #[must_use]
    pub const fn new(cluster: Uuid) -> Self {
        Self { cluster, next_table: 1, next_peer: 0, maintenance_since_ms: None }
    }
}

/// One durable thing, whole, as it is from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// The cluster.
    Identity(Identity),
    /// A table.
    Table(Table),
    /// A node.
    Node(Node),
    /// A partition.
    Partition(Partition),
    /// A copy of a job.
    Job(Box<Job>),
    /// A job that is kept no longer.
    JobGone(JobKey),
    /// A procedure.
    Procedure(Box<Procedure>),
    /// A procedure that is kept no longer.
    ProcedureGone(ProcedureKey),
}

/// Names a job in the order in which jobs are shown: oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobKey {
    /// Unix milliseconds.
    pub queued_at_ms: u64,
    /// The job.
    pub id: Uuid,
}

impl JobKey {
    /// The key of a job.
    #[must_use]
    pub const fn of(job: &Job) -> Self {
        Self { queued_at_ms: job.queued_at_ms, id: job.id }
    }
}

impl From<Partition> for Record {
    fn from(partition: Partition) -> Self {
        Self::Partition(partition)
    }
}
