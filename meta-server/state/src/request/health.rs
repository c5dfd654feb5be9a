//! What is wrong with a partition, in words for operators.

use std::sync::Arc;

use common::types::{Ballot, Gpid, Member, Now, PartitionConfig, PeerId, TableId};
use uuid::Uuid;

use crate::cluster::Cluster;
use crate::partition::Partition;

/// A partition with what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionHealth {
    /// Its configuration.
    pub config: Arc<PartitionConfig>,
    /// The name of its table.
    pub table: String,
    /// What is wrong, one sentence each; empty: nothing.
    pub reasons: Vec<String>,
    /// The job that has it for itself.
    pub locked_by: Option<Uuid>,
}

/// Which partitions are looked at; all of live tables by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartitionFilter {
    /// Only this one.
    pub gpid: Option<Gpid>,
    /// Only those of this table.
    pub table: Option<TableId>,
    /// Only those with which something is wrong.
    pub unhealthy: bool,
}

impl Cluster {
    /// Partitions with their health, in order of gpid.
    pub fn partition_healths(&self, filter: PartitionFilter, now: Now) -> impl Iterator<Item = PartitionHealth> {
        let wanted = move |gpid: Gpid| {
            filter.gpid.is_none_or(|g| g == gpid) && filter.table.is_none_or(|table| table == gpid.table_id)
        };
        let chosen = self.live_partitions().filter(move |p| wanted(p.config.gpid));
        let healths = chosen.map(move |p| self.health_of(p, now));
        healths.filter(move |health| !filter.unhealthy || !health.reasons.is_empty())
    }

    fn health_of(&self, partition: &Partition, now: Now) -> PartitionHealth {
        let config = Arc::clone(&partition.config);
        let table = self.tables.get(&config.gpid.table_id).map(|t| t.name.clone()).unwrap_or_default();
        let locked_by = partition.lock.filter(|lock| self.is_held(*lock, now)).map(|lock| lock.job);
        PartitionHealth { reasons: self.reasons(partition, now), config, table, locked_by }
    }

    /// What is wrong with it, one sentence each.
    pub(crate) fn reasons(&self, partition: &Partition, now: Now) -> Vec<String> {
        let config = &partition.config;
        let mut reasons = Vec::new();
        if let Some(ballot) = partition.frozen {
            let known = config.ballot;
            reasons.push(format!(
                "a copy knows ballot {ballot}, above {known} which was given last: nothing is decided before 'recover'"
            ));
        }
        reasons.extend(self.without_primary(config));
        let members = config.member_count();
        if members < config.replica_count as usize {
            reasons.push(format!("{members} of {} members", config.replica_count));
        }
        let silent = |m: &Member| !self.is_alive(m.peer, now.mono);
        reasons.extend(config.members().filter(silent).map(|m| format!("{} does not heartbeat", self.name_of(m.peer))));
        // What is under way explains what is wrong; alone it is no reason.
        if !reasons.is_empty() {
            reasons.extend(self.under_way(partition, now));
        }
        reasons
    }

    fn without_primary(&self, config: &PartitionConfig) -> Option<String> {
        if config.primary.is_some() {
            return None;
        }
        Some(match config.learners.first() {
            Some(first) if config.ballot == Ballot(0) => {
                format!("it is being created: its first copy is to come to be on {}", self.name_of(first.peer))
            }
            _ => "no member leads it".to_owned(),
        })
    }

    fn under_way(&self, partition: &Partition, now: Now) -> Vec<String> {
        let config = &partition.config;
        let learns = |m: &Member| format!("{} learns", self.name_of(m.peer));
        let moves = |peer: PeerId| format!("its copy on {} is between two disks", self.name_of(peer));
        let mut found: Vec<String> = config.learners.iter().filter(|_| config.ballot > Ballot(0)).map(learns).collect();
        found.extend(config.moving.map(|m| moves(m.peer)));
        let away = |peer: &PeerId| !self.is_alive(*peer, now.mono);
        found.extend(partition.missing_nodes().filter(away).map(|peer| format!("{} is away", self.name_of(peer))));
        found
    }

    /// A node in words, for operators.
    pub(crate) fn name_of(&self, peer: PeerId) -> String {
        let address = self.nodes.get(&peer).map_or("unknown", |node| node.address.as_str());
        format!("node {peer} ({address})")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use common::types::ConfigChange;

    use super::*;
    use crate::tests::World;

    fn one(world: &World) -> PartitionHealth {
        let all: Vec<_> = world.cluster.partition_healths(PartitionFilter::default(), world.now).collect();
        assert_eq!(all.len(), 1);
        all[0].clone()
    }

    #[test]
    fn nothing_is_wrong_with_a_partition_that_has_all_its_members() {
        let mut world = World::new(3);
        world.create("t", 1, 3);
        assert!(one(&world).reasons[0].contains("first copy"), "{:?}", one(&world));
        world.rounds(8);
        assert_eq!((one(&world).reasons, one(&world).table.as_str()), (vec![], "t"));
        let unhealthy = PartitionFilter { unhealthy: true, ..PartitionFilter::default() };
        assert_eq!(world.cluster.partition_healths(unhealthy, world.now).count(), 0);
    }

    #[test]
    fn a_silent_member_and_then_its_absence_are_reasons() {
        let mut world = World::new(3);
        let gpid = Gpid::new(world.create("t", 1, 3), 0);
        world.rounds(8);
        let config = world.config(gpid).clone();
        let dead = config.secondaries[0];
        world.down.insert(dead.peer);
        world.pass(Duration::from_secs(6));
        world.beat();
        assert!(one(&world).reasons[0].contains("does not heartbeat"), "{:?}", one(&world));
        let drop = ConfigChange::Drop { member: dead, moving: None };
        world.change(config.primary.unwrap().peer.0, gpid, &drop);
        let reasons = one(&world).reasons;
        assert_eq!(reasons[0], "2 of 3 members");
        assert!(reasons[1].contains("is away") && reasons[1].contains("127.0.0.1:"), "{reasons:?}");
    }

    #[test]
    fn only_what_was_asked_for_is_looked_at() {
        let mut world = World::new(3);
        let (t, u) = (world.create("t", 2, 3), world.create("u", 4, 3));
        let count = |filter| world.cluster.partition_healths(filter, world.now).count();
        assert_eq!(count(PartitionFilter { table: Some(TableId(u)), ..PartitionFilter::default() }), 4);
        assert_eq!(count(PartitionFilter { gpid: Some(Gpid::new(t, 1)), ..PartitionFilter::default() }), 1);
        assert_eq!(count(PartitionFilter { gpid: Some(Gpid::new(t, 9)), ..PartitionFilter::default() }), 0);
    }
}
