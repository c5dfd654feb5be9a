//! Histories of logs (rule LOG).

use rand::Rng;

use super::script::G;
use crate::world::World;

/// A replica goes to the other disk and back; the first disk's log still has its old tail, which was never committed.
pub(super) fn old_tail(world: &mut World) {
    let primary = world.leader();
    let (node, _) = world.two_followers();
    world.put_some(primary, 6);
    for _ in 0..2 {
        world.order_move(node, G);
        world.until_well();
        let primary = world.leader();
        world.put_some(primary, 6);
    }
    // Its flushed state is old: what it has applied since is in the log, under its present incarnation only.
    for round in 0..2_u64 {
        world.crash(node, round == 0);
        let away = world.rng.random_range(20..200);
        world.pass(away);
        world.start(node, None);
        world.pass(300);
        world.until_well();
    }
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
