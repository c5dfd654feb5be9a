//! Histories of copies that come back (rules INCARNATION, COLLECT, LAST COPY).

use common::types::ReplicaStatus;
use rand::Rng;

use super::script::G;
use crate::world::World;

/// A disk is unplugged, the replica is learned anew on the other one and acknowledges; the disk comes back.
pub(super) fn unplugged_disk(world: &mut World) {
    let primary = world.leader();
    let (node, _) = world.two_followers();
    let Some(disk) = world.nodes.get(node).and_then(|n| n.runtimes.get(&G)).map(|runtime| runtime.disk) else { return };
    // It has changed its incarnation a few times there.
    for _ in 0..2 {
        world.crash(node, false);
        world.pass(1500);
        world.start(node, None);
        world.until_well();
    }
    world.put_some(primary, 3);
    world.crash(node, false);
    world.pass(1500);
    world.start(node, Some(disk));
    world.until_well();
    world.put_some(primary, 5);
    world.crash(node, false);
    world.pass(30);
    world.start(node, None);
    world.pass(100);
    world.until_well();
}

/// An order to collect a copy arrives after the copy came back as another, and its process has just started.
pub(super) fn late_collect(world: &mut World) {
    let (node, _) = world.two_followers();
    let Some(held) = world.nodes.get(node).and_then(|n| n.runtimes.get(&G)).map(|r| r.me.incarnation) else { return };
    world.crash(node, false);
    world.until(|world| {
        world.configured().is_healthy() && !world.configured().is_member(common::types::PeerId(node as u64))
    });
    let order = (G, held, world.configured().ballot);
    world.start(node, None);
    world.pass(100);
    let third = world.followers().first().copied().unwrap_or_default();
    world.crash(third, false);
    world.until(|world| world.status(node) == Some(ReplicaStatus::Secondary));
    let primary = world.leader();
    world.put_some(primary, 3);
    world.crash(node, false);
    world.start(node, None);
    world.pass(20);
    world.collect(node, &[order]);
    world.pass(200);
    world.start(third, None);
    world.until_well();
}

/// Everything restarts, and on every node the disk with the replica is absent at first.
pub(super) fn absent_disks(world: &mut World) {
    let primary = world.leader();
    world.put_some(primary, 5);
    let disk_of = |world: &World, node: usize| world.nodes.get(node).and_then(|n| n.runtimes.get(&G)).map(|r| r.disk);
    let absent: Vec<Option<usize>> = (0..world.nodes.len()).map(|node| disk_of(world, node)).collect();
    for node in 0..absent.len() {
        world.crash(node, true);
    }
    world.pass(50);
    for (node, absent) in absent.iter().enumerate() {
        world.start(node, *absent);
    }
    let away = world.rng.random_range(1_000..8_000);
    world.pass(away);
    for node in 0..absent.len() {
        world.crash(node, false);
        world.start(node, None);
    }
    world.until_well();
}
