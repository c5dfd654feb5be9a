//! Plans of moves between disks: which nodes are asked, and what they say joined with the configurations.

use std::collections::BTreeSet;

use common::job::Job;
use common::rpc::disk_plan::{DiskPlans, PlanGoal, PlanRequest};
use common::rpc::node_admin::{DiskInfo, DiskUsage, NodeUsage, ReplicaInfo};
use common::rpc::{ErrorCode, WireError};
use common::types::{Now, PeerId};

use super::view::unknown_node;
use crate::cluster::Cluster;
use crate::policy::disk_balance::{DiskFacts, NodeFacts, PlanOptions, ReplicaFacts, plan_disks};

/// A node to ask for its disks: its address, or why it cannot be asked.
pub type Asked = (PeerId, Result<String, WireError>);

impl Cluster {
    /// The nodes that a plan is made for.
    ///
    /// # Errors
    /// `UnknownNode`; `Unreachable` if just one was meant and it does not heartbeat.
    pub fn nodes_to_plan(&self, node: Option<PeerId>, now: Now) -> Result<Vec<Asked>, WireError> {
        let chosen = |peer: &PeerId| node.is_none_or(|node| node == *peer);
        let asked: Vec<Asked> = self
            .nodes
            .values()
            .filter(|n| chosen(&n.peer))
            .map(|n| {
                let alive = self.is_alive(n.peer, now.mono);
                (n.peer, if alive { Ok(n.address.clone()) } else { Err(silent(n.peer, &n.address)) })
            })
            .collect();
        match (node, asked.as_slice()) {
            (Some(peer), []) => Err(unknown_node(peer)),
            (Some(_), [(_, Err(error))]) => Err(error.clone()),
            _ => Ok(asked),
        }
    }

    /// What a node said, with what the configurations say of it.
    #[must_use]
    pub fn node_facts(&self, node: PeerId, usage: NodeUsage, now: Now) -> NodeFacts {
        let NodeUsage { disks, moves, headroom_bytes, max_rate_bytes_per_s } = usage;
        let mut disks: Vec<DiskFacts> = disks.into_iter().map(|d| self.disk_facts(node, d, &moves, now)).collect();
        disks.sort_by(|a, b| a.tag.cmp(&b.tag));
        NodeFacts { node, disks, headroom_bytes, max_rate_bytes_per_s }
    }

    fn disk_facts(&self, node: PeerId, usage: DiskUsage, moves: &[Job], now: Now) -> DiskFacts {
        let DiskUsage { info, file_system, set_aside_bytes } = usage;
        let DiskInfo { disk: tag, status, capacity_bytes, available_bytes, draining, replicas, .. } = info;
        let replicas = replicas.iter().map(|replica| self.replica_facts(node, &tag, replica, moves, now)).collect();
        DiskFacts { tag, status, draining, file_system, capacity_bytes, available_bytes, set_aside_bytes, replicas }
    }

    fn replica_facts(&self, node: PeerId, disk: &str, replica: &ReplicaInfo, moves: &[Job], now: Now) -> ReplicaFacts {
        let gpid = replica.gpid;
        let partition = self.partitions.get(&gpid).filter(|_| self.is_live(gpid.table_id));
        let config = partition.map(|partition| &partition.config);
        let here = |m: common::types::Member| m.peer == node && m.incarnation == replica.incarnation;
        let locked = |p: &crate::partition::Partition| {
            p.config.moving.is_some() || p.frozen.is_some() || p.lock.is_some_and(|lock| self.is_held(lock, now))
        };
        ReplicaFacts {
            gpid,
            size_bytes: replica.size_bytes,
            status: replica.status,
            is_member: config.is_some_and(|config| config.members().any(here)),
            members: config.map_or(0, |config| config.member_count()),
            min_replicas: config.map_or(1, |config| config.min_replicas()),
            replica_count: config.map_or(0, |config| config.replica_count),
            busy: partition.is_some_and(locked),
            moves_to: moves.iter().find(|job| job.subject == gpid && job.source == disk).map(|job| job.target.clone()),
        }
    }
}

/// Plans for nodes, one after the other: a partition moves on one of them only, so that no two moves of it get into each
/// other's way.
///
/// # Errors
/// `UnknownDisk` if the disk to be emptied is not there.
pub fn plan_nodes(request: &PlanRequest, nodes: &[NodeFacts]) -> Result<DiskPlans, WireError> {
    let PlanRequest { goal, include_single, max_rate_bytes_per_s, .. } = request;
    let options = PlanOptions { include_single: *include_single, max_rate_bytes_per_s: *max_rate_bytes_per_s };
    let (mut plans, mut taken) = (Vec::new(), BTreeSet::new());
    for facts in nodes {
        if let PlanGoal::Drain { disk } = goal {
            known_disk(facts, disk)?;
        }
        let plan = plan_disks(facts, goal, options, &taken);
        taken.extend(plan.moves.iter().map(|work| work.gpid));
        plans.push(plan);
    }
    Ok(DiskPlans { plans, unasked: Vec::new() })
}

fn known_disk(facts: &NodeFacts, tag: &str) -> Result<(), WireError> {
    if facts.disks.iter().any(|disk| disk.tag == tag) {
        return Ok(());
    }
    let tags: Vec<&str> = facts.disks.iter().map(|disk| disk.tag.as_str()).collect();
    let hint = format!("the node's disks are {}", tags.join(", "));
    Err(WireError::new(ErrorCode::UnknownDisk, format!("the node has no disk '{tag}'"), hint))
}

fn silent(peer: PeerId, address: &str) -> WireError {
    let message = format!("node {peer} ({address}) does not heartbeat");
    WireError::new(ErrorCode::Unreachable, message, "start it, or plan for other nodes")
}
