//! Histories of members that come, go and forget (rules ROLES, DECREES, UNION, OPENING).

use common::types::ReplicaStatus;
use pacifica::Event;
use rand::Rng;

use super::script::G;
use crate::happening::Address;
use crate::world::World;

/// A member loses its last acknowledged prepares in a power cut, comes back, and is led to the lead.
pub(super) fn forgetful_member(world: &mut World) {
    let primary = world.leader();
    world.put_some(primary, 10);
    let (forgetful, _) = world.two_followers();
    world.crash(forgetful, true);
    let away = world.rng.random_range(20..1500);
    world.pass(away);
    world.start(forgetful, None);
    world.pass(100);
    // The primary may not have noticed.
    world.drive(primary, G, Event::HandOver { to: None });
    world.pass(200);
    world.crash(primary, false);
    world.pass(4000);
    world.start(primary, None);
    world.until_well();
}

/// A primary sends a decree, dies before its own fsync, and starts again at once.
pub(super) fn decree_used_twice(world: &mut World) {
    let primary = world.leader();
    world.put_some(primary, 3);
    let disks = world.nodes.get_mut(primary).into_iter().flat_map(|node| node.disks.iter_mut());
    let until = world.now + 400_000;
    disks.for_each(|disk| disk.log.stalled_until = until);
    // The first group may be under way already; the next one hangs.
    for client in 1..4 {
        world.begin_put(client, primary, 1);
    }
    world.pass(30);
    world.crash(primary, true);
    world.start(primary, None);
    world.pass(50);
    for client in 4..7 {
        world.begin_put(client, primary, 2);
    }
    world.pass(1500);
    world.until_well();
}

/// The promotion of a learner is installed, but the primary does not hear of it.
pub(super) fn lost_reply(world: &mut World) {
    let primary = world.leader();
    let (away, other) = world.two_followers();
    world.crash(away, false);
    world.until(|world| world.configured().member_count() == 2);
    world.start(away, None);
    world.until(|world| world.configured().learners.iter().any(|m| m.peer.0 == away as u64));
    // What the meta server says reaches the new member alone.
    let deaf: Vec<u64> = [primary, other].map(|node| world.cut_from(Address::Meta, Address::Node(node))).to_vec();
    world.until(|world| world.configured().member_count() == 3);
    for (from, to) in [(primary, away), (away, primary)] {
        world.cut_from(Address::Node(from), Address::Node(to));
    }
    for key in 0..4 {
        world.begin_put(1 + usize::from(key), primary, key);
    }
    world.pass(900);
    deaf.into_iter().for_each(|cut| world.network.calm(cut));
    world.pass(3000);
}

/// One member alone holds two records of a primary that died; the next primary commits another in place of the first.
pub(super) fn lone_tail(world: &mut World) {
    let old = world.leader();
    let (next, holder) = world.two_followers();
    world.put_some(old, 3);
    world.cut_from(Address::Node(old), Address::Node(next));
    // One write goes out alone, the next ones fill a batch.
    for client in 1..8 {
        world.begin_put(client, old, 1);
    }
    world.pass(40);
    world.crash(old, false);
    world.pause_until(holder, world.now + 60_000_000);
    world.until(|world| world.status(next) == Some(ReplicaStatus::Primary));
    world.pause_until(holder, world.now);
    world.put(next, 2);
    world.crash(next, false);
    world.until(|world| world.status(holder) == Some(ReplicaStatus::Primary));
    world.pass(2500);
    world.start(old, None);
    world.start(next, None);
    world.until_well();
}
