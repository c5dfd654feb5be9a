//! Histories of logs (rule LOG).

use rand::Rng;

use crate::happening::Address;
use crate::world::World;

/// A member alone logs three records of a primary that dies. It is dropped and learned anew on the same disk, where its
/// old tail still lies in the log, longer than what happened instead.
pub(super) fn old_tail(world: &mut World) {
    let old = world.leader();
    let (next, node) = world.two_followers();
    world.put_some(old, 3);
    world.cut_from(Address::Node(old), Address::Node(next));
    // One write goes out alone, the next ones fill two batches.
    for client in 1..11 {
        world.begin_put(client, old, 1);
    }
    world.pass(40);
    world.crash(old, false);
    world.crash(node, false);
    world.network.heal();
    world.until(|world| world.serves(next));
    world.start(old, None);
    world.until(|world| world.configured().member_count() == 2);
    world.put(next, 2);
    world.start(node, None);
    world.until_well();
    for each in [old, next, node] {
        world.crash(each, false);
    }
    world.start(node, None);
    world.pass(4000);
    world.start(old, None);
    world.start(next, None);
    world.until_well();
}

/// Power is cut everywhere while groups are being written.
pub(super) fn power_cut(world: &mut World) {
    for _ in 0..3 {
        let primary = world.leader();
        for client in 1..8 {
            world.begin_put(client, primary, 1);
        }
        let writing = world.rng.random_range(1..12);
        world.pass(writing);
        for node in 0..world.nodes.len() {
            world.crash(node, true);
        }
        world.pass(20);
        for node in 0..world.nodes.len() {
            world.start(node, None);
        }
        world.until_well();
    }
}
