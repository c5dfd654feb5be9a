//! What operators and clients are shown.

use std::sync::Arc;

use common::alarm::Alarm;
use common::job::Job;
use common::rpc::meta_admin::{ClusterInfo, NodeInfo, TableInfo, TableRoute};
use common::rpc::{ErrorCode, WireError};
use common::types::{Now, PartitionConfig, PeerId, TableId, Time};

use crate::cluster::Cluster;
use crate::node::Node;
use crate::policy::{GuardianOptions, drain_blocked};
use crate::table::{Table, TableStatus};

/// Alarms in one answer; a cluster that lost a node may have one for each of thousands of partitions.
const ALARMS_MAX: usize = 1000;

impl Cluster {
    /// All live tables, in order of id.
    #[must_use]
    pub fn table_infos(&self) -> Vec<TableInfo> {
        self.tables.values().filter(|t| t.status == TableStatus::Live).map(|t| self.info_of(t)).collect()
    }

    /// One table, dropped or not.
    #[must_use]
    pub fn table_info(&self, id: TableId) -> Option<TableInfo> {
        self.tables.get(&id).map(|t| self.info_of(t))
    }

    fn info_of(&self, table: &Table) -> TableInfo {
        let healthy = self.partitions_of(table.id).filter(|p| p.config.is_healthy()).count();
        TableInfo {
            table_id: table.id,
            name: table.name.clone(),
            partitions: table.partitions,
            replicas: table.replicas,
            healthy: count(healthy),
        }
    }

    /// A table's partitions and where they are.
    ///
    /// # Errors
    /// `UnknownTable`.
    pub fn route(&self, name: &str) -> Result<TableRoute, WireError> {
        Ok(self.route_of(self.table_named(name)?))
    }

    /// The same by the table's id.
    ///
    /// # Errors
    /// `UnknownTable`, also after a drop.
    pub fn route_by_id(&self, id: TableId) -> Result<TableRoute, WireError> {
        let table = self.tables.get(&id).filter(|t| t.status == TableStatus::Live).ok_or_else(|| {
            let hint = "/admin/tables and admin-cli ls list the tables";
            WireError::new(ErrorCode::UnknownTable, format!("there is no table with id {id}"), hint)
        })?;
        Ok(self.route_of(table))
    }

    fn route_of(&self, table: &Table) -> TableRoute {
        TableRoute {
            table: self.info_of(table),
            configs: self.partitions_of(table.id).map(|p| p.config.clone()).collect(),
            nodes: self.nodes.values().map(|n| (n.peer, n.address.clone())).collect(),
        }
    }

    /// The configurations that name a node: with a copy, or with a move of its copy.
    #[must_use]
    pub fn configs_of(&self, peer: PeerId) -> Vec<Arc<PartitionConfig>> {
        let names = |config: &PartitionConfig| {
            config.copy_on(peer).is_some() || config.moving.is_some_and(|moving| moving.peer == peer)
        };
        self.live_partitions().map(|p| &p.config).filter(|config| names(config)).cloned().collect()
    }

    /// The cluster with all its nodes, and with the alarms that hold now.
    #[must_use]
    pub fn cluster_info(&self, alarms: &[Alarm], options: GuardianOptions, now: Time) -> ClusterInfo {
        let live = || self.live_partitions();
        ClusterInfo {
            cluster: self.identity.cluster,
            nodes: self.nodes.values().map(|n| self.node_info(n, options, now)).collect(),
            tables: count(self.tables.values().filter(|t| t.status == TableStatus::Live).count()),
            partitions: count(live().count()),
            healthy: count(live().filter(|p| p.config.is_healthy()).count()),
            maintenance_since_ms: self.identity.maintenance_since_ms,
            alarms: alarms.iter().take(ALARMS_MAX).cloned().collect(),
            alarms_total: count(alarms.len()),
        }
    }

    pub(super) fn node_info(&self, node: &Node, options: GuardianOptions, now: Time) -> NodeInfo {
        let configs = || self.live_partitions().map(|p| &p.config);
        let primaries = configs().filter(|c| c.primary.is_some_and(|m| m.peer == node.peer)).count();
        let secondaries = configs().filter(|c| c.secondaries.iter().any(|m| m.peer == node.peer)).count();
        let learners = configs().filter(|c| c.learners.iter().any(|m| m.peer == node.peer)).count();
        let seen = self.vitals.get(&node.peer).map(|v| now.since(v.seen).as_millis());
        let mut disks = self.vitals.get(&node.peer).map(|v| v.disks.clone()).unwrap_or_default();
        disks.sort_by(|a, b| a.disk.cmp(&b.disk));
        NodeInfo {
            peer_id: node.peer,
            address: node.address.clone(),
            resp: node.resp.clone(),
            alive: self.is_alive(node.peer, now),
            loaded: self.vitals(node.peer, now).is_some_and(|v| v.loaded),
            replicas: count(primaries + secondaries),
            primaries: count(primaries),
            secondaries: count(secondaries),
            learners: count(learners),
            silent_ms: seen.map(|ms| u64::try_from(ms).unwrap_or(u64::MAX)),
            disks,
            draining: node.draining,
            drain_blocked: drain_blocked(self, options, node, now),
        }
    }

    /// Moves between disks, oldest first.
    pub fn disk_jobs(&self) -> impl DoubleEndedIterator<Item = &Job> {
        self.jobs.values()
    }

    /// Moves between disks and between nodes, oldest first; all nodes' if `None`.
    ///
    /// # Errors
    /// `UnknownNode`.
    pub fn jobs(&self, node: Option<PeerId>, now: Now) -> Result<Vec<Job>, WireError> {
        if let Some(peer) = node.filter(|p| !self.nodes.contains_key(p)) {
            return Err(unknown_node(peer));
        }
        let between_disks = self.jobs.values().filter(|j| node.is_none_or(|n| j.node == n)).cloned();
        let mut jobs: Vec<Job> = between_disks.chain(self.region_jobs(node, now)).collect();
        jobs.sort_by_key(|job| (job.queued_at_ms, job.id));
        Ok(jobs)
    }
}

pub(crate) fn unknown_node(peer: PeerId) -> WireError {
    WireError::new(ErrorCode::UnknownNode, format!("there is no node {peer}"), "list nodes with admin-cli nodes")
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
