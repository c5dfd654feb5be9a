//! Histories of leases and of taking over (rules LEASES, TAKE-OVER).

use common::types::ReplicaStatus;
use pacifica::Event;
use rand::Rng;

use super::script::G;
use crate::happening::{Address, OpKind};
use crate::world::World;

/// The lead is handed over while the old primary hears nothing of it; it still beacons the node.
pub(super) fn moved_away(world: &mut World) {
    let old = world.leader();
    let (next, other) = world.two_followers();
    world.put_some(old, 2);
    // The others do not hear the old one for a while, then the new primary takes over while the old hears nothing.
    for to in [next, other] {
        world.cut_from(Address::Node(old), Address::Node(to));
    }
    world.cut_from(Address::Meta, Address::Node(old));
    world.until(|world| world.leader() != old);
    let new = world.leader();
    for from in [next, other] {
        world.cut_from(Address::Node(from), Address::Node(old));
    }
    world.network.heal();
    world.cut_from(Address::Meta, Address::Node(old));
    world.until(|world| world.serves(new));
    world.put(new, 1);
    world.begin(1, old, OpKind::Get { key: 1 });
    world.pass(1500);
}

/// The process is stopped between its look at the clock and the read.
pub(super) fn stopped_in_read(world: &mut World) {
    let old = world.leader();
    world.put(old, 1);
    let stop = world.now + world.rng.random_range(2_500_000..4_000_000);
    if let Some(node) = world.nodes.get_mut(old) {
        node.paused_until = stop;
    }
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
    // The old primary asks to drop the one that was silent: that request is lost for a while.
    let lost = world.cut_from(Address::Node(old), Address::Meta);
    let heard = world.rng.random_range(60..500);
    world.pass(heard);
    world.meta_returns();
    world.until(|world| world.status(asker) == Some(ReplicaStatus::Primary));
    world.begin_put(1, asker, 1);
    world.begin(2, old, OpKind::Get { key: 1 });
    world.pass(300);
    world.network.calm(lost);
    world.drive(other, G, Event::Tick);
    world.until_well();
}

impl World {
    /// Whether a node waits for the outcome of a change.
    fn asks(&self, node: usize) -> bool {
        self.nodes.get(node).is_some_and(|node| !node.proposals.is_empty())
    }
}
