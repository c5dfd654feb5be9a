//! Histories of leases and of taking over (rules LEASES, TAKE-OVER).

use common::types::ReplicaStatus;
use rand::Rng;

use crate::happening::{Address, OpKind};
use crate::network::Disturbance;
use crate::world::World;

/// The old primary was silent for a while and lost the lead. It hears nothing of that, but its beacons are answered again.
pub(super) fn moved_away(world: &mut World) {
    let old = world.leader();
    let (next, other) = world.two_followers();
    world.put_some(old, 2);
    let silent: Vec<u64> =
        [next, other].map(|to| world.cut_from(Address::Node(old), Address::Node(to))).into_iter().collect();
    world.cut_from(Address::Meta, Address::Node(old));
    world.until(|world| world.leader() != old);
    for from in [next, other] {
        world.network.disturb(Disturbance::Mute(Address::Node(from), Address::Node(old)));
    }
    silent.into_iter().for_each(|cut| world.network.calm(cut));
    let new = world.leader();
    world.until(|world| world.serves(new));
    world.put(new, 1);
    world.begin(1, old, OpKind::Get { key: 1 });
    world.pass(1500);
}

/// The process is stopped between its look at the clock and the read.
pub(super) fn stopped_in_read(world: &mut World) {
    let old = world.leader();
    world.put(old, 1);
    let stop = world.rng.random_range(2_500_000..4_000_000);
    world.pause_until(old, world.now + stop);
    world.until(|world| world.leader() != old && world.serves(world.leader()));
    let new = world.leader();
    world.put(new, 1);
    world.begin(1, old, OpKind::Get { key: 1 });
    world.until(|world| !world.client_is_busy(1));
}

/// A secondary's grace ends and it asks; before it is answered it hears the primary again, and answers.
pub(super) fn late_beacon(world: &mut World) {
    let old = world.leader();
    let (asker, other) = world.two_followers();
    world.put(old, 1);
    let back = world.now + 60_000_000;
    world.stop_meta(back);
    let cut = world.cut_from(Address::Node(old), Address::Node(asker));
    world.until(|world| world.asks(asker));
    world.network.calm(cut);
    // The old primary asks to drop the one that was silent: that request is lost for a while, and so is what it would
    // hear of its successor.
    let lost = [(Address::Node(old), Address::Meta), (Address::Meta, Address::Node(old))];
    let lost = lost.map(|(from, to)| world.cut_from(from, to));
    for from in [asker, other] {
        world.network.disturb(Disturbance::Mute(Address::Node(from), Address::Node(old)));
    }
    let heard = world.rng.random_range(60..500);
    world.pass(heard);
    world.meta_returns();
    world.until(|world| world.status(asker) == Some(ReplicaStatus::Primary));
    world.begin_put(1, asker, 1);
    world.begin(2, old, OpKind::Get { key: 1 });
    world.pass(300);
    lost.into_iter().for_each(|cut| world.network.calm(cut));
}

impl World {
    /// Whether a node waits for the outcome of a change.
    fn asks(&self, node: usize) -> bool {
        self.nodes.get(node).is_some_and(|node| !node.proposals.is_empty())
    }
}
