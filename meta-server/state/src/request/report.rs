//! Heartbeats: what follows from a node's report, and what the node is told in return.

use std::collections::BTreeSet;
use std::sync::Arc;

use common::job::Job;
use common::rpc::meta_node::{Heartbeat, HeartbeatReply, ReplicaReport};
use common::types::{Ballot, Gpid, Incarnation, PartitionConfig, PeerId, ReplicaStatus};

use crate::cluster::Cluster;
use crate::partition::Partition;
use crate::record::{JobKey, Record};

/// How many jobs are kept after they ended.
pub const JOBS_MAX: usize = 10_000;

/// The most configurations in one reply; the rest comes with the next heartbeat.
const CONFIGS_MAX: usize = 4096;

impl Cluster {
    /// What a vetted heartbeat makes durable: jobs that changed, and partitions frozen by a ballot never given.
    #[must_use]
    pub fn consequences(&self, heartbeat: &Heartbeat) -> Vec<Record> {
        let freezes = heartbeat.replicas.iter().filter_map(|r| self.freeze(r)).map(Record::from);
        let mut records: Vec<Record> = freezes.collect();
        let changed: Vec<&Job> = heartbeat.jobs.iter().filter(|j| self.is_news(j)).collect();
        let new = changed.iter().filter(|j| !self.jobs.contains_key(&JobKey::of(j))).count();
        let surplus = (self.jobs.len() + new).saturating_sub(JOBS_MAX);
        let ended = self.jobs.iter().filter(|(_, job)| !job.is_running());
        records.extend(ended.take(surplus).map(|(key, _)| Record::JobGone(*key)));
        records.extend(changed.into_iter().map(|j| Record::Job(Box::new(j.clone()))));
        records
    }

    fn is_news(&self, job: &Job) -> bool {
        self.jobs.get(&JobKey::of(job)).is_none_or(|k| (k.state, k.outcome) != (job.state, job.outcome))
    }

    fn freeze(&self, report: &ReplicaReport) -> Option<Partition> {
        let partition = self.partitions.get(&report.gpid)?;
        let known = partition.frozen.unwrap_or(partition.config.ballot);
        (report.ballot > known).then(|| Partition { frozen: Some(report.ballot), ..partition.clone() })
    }

    /// What the node should know.
    #[must_use]
    pub fn reply(&self, heartbeat: &Heartbeat) -> HeartbeatReply {
        let version = self.nodes.len() as u64;
        let addresses = || self.nodes.values().map(|n| (n.peer, n.address.clone())).collect();
        HeartbeatReply {
            configs: self.configs_for(heartbeat),
            nodes_version: version,
            nodes: (heartbeat.nodes_version != version).then(addresses),
            collect: if heartbeat.loaded { self.orders_for(heartbeat) } else { Vec::new() },
        }
    }

    fn configs_for(&self, heartbeat: &Heartbeat) -> Vec<Arc<PartitionConfig>> {
        let reported: BTreeSet<Gpid> = heartbeat.replicas.iter().map(|r| r.gpid).collect();
        let stale = heartbeat
            .replicas
            .iter()
            .filter_map(|r| self.config(r.gpid).filter(|config| needs_config(config, heartbeat.peer, r)));
        let unheard = self.partitions.values().map(|p| &p.config);
        let unheard = unheard.filter(|c| concerns(c, heartbeat.peer) && !reported.contains(&c.gpid));
        stale.chain(unheard).take(CONFIGS_MAX).cloned().collect()
    }

    // A copy that the configuration does not name may still be the cheapest cure, so it is kept until nothing is
    // missing (rule COLLECT names what exactly goes; the node checks it again).
    fn orders_for(&self, heartbeat: &Heartbeat) -> Vec<(Gpid, Incarnation, Ballot)> {
        let surplus = heartbeat.replicas.iter().filter_map(|r| {
            let partition = self.partitions.get(&r.gpid)?;
            self.is_surplus(partition, heartbeat.peer, r).then(|| (r.gpid, r.incarnation, partition.config.ballot))
        });
        surplus.collect()
    }

    fn is_surplus(&self, partition: &Partition, peer: PeerId, report: &ReplicaReport) -> bool {
        let config = &partition.config;
        let has_role = matches!(report.status, ReplicaStatus::Primary | ReplicaStatus::Secondary);
        if has_role || partition.frozen.is_some() || partition.lock.is_some_and(|lock| !self.has_ended(lock.job)) {
            return false;
        }
        if !self.is_live(config.gpid.table_id) {
            return true;
        }
        // What a recovery gave up is no cure at all.
        let given_up = partition.has_given_up(report.incarnation);
        !concerns(config, peer) && (given_up || config.is_healthy() && config.moving.is_none())
    }
}

fn concerns(config: &PartitionConfig, peer: PeerId) -> bool {
    config.copy_on(peer).is_some() || config.moving.is_some_and(|m| m.peer == peer)
}

// A copy without a role may be one that was restarted and has forgotten all but its ballot.
fn needs_config(config: &PartitionConfig, peer: PeerId, report: &ReplicaReport) -> bool {
    let named = config.copy_on(peer);
    let other_copy = named.is_some_and(|m| m.incarnation != report.incarnation);
    let idle = report.status == ReplicaStatus::Inactive && named.is_some();
    let lingers = named.is_none() && report.status != ReplicaStatus::Inactive;
    report.ballot < config.ballot || other_copy || idle || lingers
}
