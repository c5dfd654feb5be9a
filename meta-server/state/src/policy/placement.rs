//! Where copies go: evenly over nodes, away from full ones.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use common::types::{PartitionConfig, PeerId, Time};

use crate::cluster::Cluster;
use crate::node::Vitals;
use crate::partition::Partition;
use crate::room::Room;

/// A node with less than this share free comes last, in thousandths.
const SCARCE_PERMILLE: u64 = 150;

/// Learners that one node takes at once: each costs it a copy over the network.
const LEARNERS_MAX: u32 = 64;

/// How loaded the usable nodes are, including what was placed since this was made.
#[derive(Clone, Debug)]
pub struct Loads {
    now: Time,
    nodes: BTreeMap<PeerId, Load>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Load {
    leads: u32,
    copies: u32,
    learners: u32,
    free_permille: u64,
    room: Room,
    /// It does not come and go.
    steady: bool,
}

impl Loads {
    /// The nodes that may be given copies: alive, loaded, staying, not drained, with room on a disk, and heard for
    /// `steady_after` if they came back often.
    #[must_use]
    pub fn of(cluster: &Cluster, steady_after: Duration, now: Time) -> Self {
        let usable = cluster.nodes.values().filter(|node| !node.draining);
        let usable = usable.filter_map(|node| Some((node.peer, cluster.vitals(node.peer, now)?)));
        let usable = usable.filter(|(_, v)| v.loaded && !v.stopping && v.has_room());
        let steady = |peer| cluster.distrust(peer, steady_after, now).is_none();
        let load = |peer, v: &Vitals| {
            let (free_permille, room) = (v.free_permille(), Room::of(v));
            Load { free_permille, room, steady: steady(peer), ..Load::default() }
        };
        let mut loads = Self { now, nodes: usable.map(|(peer, v)| (peer, load(peer, v))).collect() };
        cluster.live_partitions().for_each(|p| loads.count(cluster, &p.config));
        loads
    }

    fn count(&mut self, cluster: &Cluster, config: &PartitionConfig) {
        // Before it has a primary a partition's first copy is the one that will lead.
        let leader = config.primary.or(config.learners.first().copied());
        for copy in config.copies() {
            let Some(load) = self.nodes.get_mut(&copy.peer) else { continue };
            load.copies += 1;
            load.leads += u32::from(leader == Some(copy));
            if config.learners.contains(&copy) {
                load.learners += 1;
                load.room.awaits(cluster.missing_bytes(config, copy.peer, self.now));
            }
        }
    }

    /// How many nodes may be given copies.
    #[must_use]
    pub fn usable(&self) -> usize {
        self.trusted().count()
    }

    /// Whether this node may be given a copy.
    #[must_use]
    pub fn is_usable(&self, peer: PeerId) -> bool {
        self.bears_learner(peer) && self.nodes.get(&peer).is_some_and(|load| load.steady)
    }

    /// Whether it could take one more, trusted or not.
    pub(super) fn bears_learner(&self, peer: PeerId) -> bool {
        self.nodes.get(&peer).is_some_and(|load| load.learners < LEARNERS_MAX)
    }

    fn trusted(&self) -> impl Iterator<Item = (&PeerId, &Load)> {
        self.nodes.iter().filter(|(_, load)| load.steady)
    }

    /// A node for the first copy of a new partition, which will lead it.
    pub fn place_first(&mut self, index: u32) -> Option<PeerId> {
        let nodes = self.nodes.len() as u64;
        let rank = |(peer, load): &(&PeerId, &Load)| {
            let scarce = load.free_permille < SCARCE_PERMILLE;
            (scarce, load.leads, load.copies, turn(**peer, index, nodes))
        };
        let peer = *self.trusted().min_by_key(rank)?.0;
        self.add(peer, true);
        Some(peer)
    }

    /// A node for one more copy of this partition; one that still has an old one comes last, for if it were any good it
    /// would have been taken back before.
    pub fn place_copy(&mut self, cluster: &Cluster, partition: &Partition) -> Option<PeerId> {
        let config = &partition.config;
        let nodes = self.nodes.len() as u64;
        let old = |peer: &PeerId| cluster.vitals.get(peer).and_then(|v| v.replicas.get(&config.gpid));
        let tried = |peer: &PeerId| old(peer).is_some();
        let free = self.free(cluster, partition).filter(|(_, load)| load.learners < LEARNERS_MAX);
        let rank = |(peer, load): &(&PeerId, &Load)| {
            let scarce = load.free_permille < SCARCE_PERMILLE;
            let turn = turn(**peer, config.gpid.partition_index, nodes);
            (tried(peer), scarce, load.copies, Reverse(load.free_permille / 100), turn)
        };
        let peer = *free.min_by_key(rank)?.0;
        self.add(peer, false);
        if let Some(load) = self.nodes.get_mut(&peer) {
            load.room.awaits(cluster.copy_bytes(config, self.now));
        }
        Some(peer)
    }

    /// Whether some node may take one more copy of this partition, now or once it has less to do.
    pub(super) fn has_place(&self, cluster: &Cluster, partition: &Partition) -> bool {
        self.free(cluster, partition).next().is_some()
    }

    /// The nodes that hold nothing of this partition, and have room for it.
    fn free(&self, cluster: &Cluster, partition: &Partition) -> impl Iterator<Item = (&PeerId, &Load)> {
        let config = &partition.config;
        let old = |peer: &PeerId| cluster.vitals.get(peer).and_then(|v| v.replicas.get(&config.gpid));
        // A copy that a recovery gave up is set aside first, or it would be taken for the new one's beginning.
        let given_up = move |peer: &PeerId| old(peer).is_some_and(|copy| partition.has_given_up(copy.incarnation));
        let moving = config.moving.map(|m| m.peer);
        let bytes = cluster.copy_bytes(config, self.now);
        self.trusted()
            .filter(move |(_, load)| load.room.fits(bytes))
            .filter(move |(peer, _)| config.copy_on(**peer).is_none() && moving != Some(**peer) && !given_up(peer))
    }

    /// Counts a copy that was placed otherwise.
    pub(crate) fn add(&mut self, peer: PeerId, leads: bool) {
        if let Some(load) = self.nodes.get_mut(&peer) {
            load.copies += 1;
            load.learners += u32::from(!leads);
            load.leads += u32::from(leads);
        }
    }
}

// Equal nodes take turns, so that partitions do not all pair the same ones.
const fn turn(peer: PeerId, index: u32, nodes: u64) -> u64 {
    let nodes = if nodes == 0 { 1 } else { nodes };
    (peer.0 + nodes - index as u64 % nodes) % nodes
}
