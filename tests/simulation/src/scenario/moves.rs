//! Histories of disk moves (rule MOVES).

use rand::Rng;

use super::script::G;
use crate::world::World;

/// Disk 1 to 2, back, and there again, while clients write; then the mover is the one that is left.
pub(super) fn there_and_back(world: &mut World) {
    let (node, other) = world.two_followers();
    for _ in 0..3 {
        let primary = world.leader();
        world.put_some(primary, 4);
        world.order_move(node, G);
        for client in 1..5 {
            world.begin_put(client, primary, 2);
        }
        world.pass(60);
        world.put_some(primary, 3);
        world.until_well();
    }
    let primary = world.leader();
    world.crash(primary, false);
    world.crash(other, false);
    world.pass(3000);
    world.start(primary, None);
    world.start(other, None);
    world.until_well();
}

/// The process dies while the copy is made or lies there unsealed.
pub(super) fn crash_in_copy(world: &mut World) {
    let (node, _) = world.two_followers();
    let primary = world.leader();
    world.put_some(primary, 3);
    let meta_back = world.now + 60_000_000;
    world.order_move(node, G);
    // The copy is made, and then nobody lets the replica go.
    world.pass(60);
    world.stop_meta(meta_back);
    world.put_some(primary, 6);
    world.crash(node, false);
    let away = world.rng.random_range(20..400);
    world.pass(away);
    world.start(node, None);
    world.pass(200);
    world.meta_returns();
    world.until_well();
}

/// The process dies anywhere in a move, and again while it recovers.
pub(super) fn crash_in_move(world: &mut World) {
    let (node, _) = world.two_followers();
    let primary = world.leader();
    for _ in 0..3 {
        world.put_some(primary, 3);
        world.order_move(node, G);
        let steps = world.rng.random_range(40..220);
        world.pass(steps);
        let power = world.rng.random_bool(0.5);
        world.crash(node, power);
        world.pass(20);
        world.start(node, None);
        let again = world.rng.random_range(1..100);
        world.pass(again);
        world.crash(node, power);
        world.start(node, None);
        world.until_well();
    }
}
