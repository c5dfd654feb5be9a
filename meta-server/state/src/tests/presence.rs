//! Nodes that come and go: when they are not trusted with copies, for how long, and when that does not matter.

use super::guardian::healthy;
use super::*;
use crate::policy::node_drains;

const STEADY_AFTER: Duration = Duration::from_secs(30);

/// The node's process ends and another registers, so many times, a second apart.
pub(super) fn restart(world: &mut World, node: PeerId, times: u64) {
    for _ in 0..times {
        world.register(node.0, u128::from(world.now.wall_ms), true);
        world.pass(Duration::from_secs(1));
        world.beat();
    }
}

/// Seconds with heartbeats, in which nobody does anything.
fn seconds(world: &mut World, seconds: u64) {
    for _ in 0..seconds {
        world.pass(Duration::from_secs(1));
        world.beat();
    }
}

fn needed(world: &World, node: PeerId) -> Option<u64> {
    world.cluster.distrust(node, STEADY_AFTER, world.now.mono).map(|distrust| distrust.needed.as_secs())
}

/// A partition that has lost a secondary; its node is back, with its old copy, for so many times lately.
fn lost_its_secondary(nodes: u64, comebacks: u64) -> (World, Gpid, PeerId) {
    let (mut world, gpid) = healthy(nodes, 1, 3);
    let config = world.config(gpid).clone();
    let member = config.secondaries[0];
    restart(&mut world, member.peer, comebacks);
    world.says.insert((member.peer, gpid), Some(idle(gpid, member.incarnation.0)));
    world.change(config.primary.unwrap().peer.0, gpid, &ConfigChange::Drop { member, moving: None });
    (world, gpid, member.peer)
}

#[test]
fn two_comebacks_are_forgiven() {
    let (mut world, gpid, node) = lost_its_secondary(4, 2);
    world.round();
    assert!(world.config(gpid).copy_on(node).is_some());
}

#[test]
fn after_the_third_comeback_a_copy_is_taken_back_once_its_node_was_heard_for_a_while() {
    let (mut world, gpid, node) = lost_its_secondary(4, 3);
    world.options.replica_lost_delay = Duration::from_secs(600);
    world.rounds(28);
    assert_eq!(world.config(gpid).copies().count(), 2, "neither is the node trusted nor another given the copy");
    world.rounds(4);
    assert!(world.config(gpid).is_member(node) && world.all_healthy());
}

#[test]
fn each_further_comeback_doubles_the_time_up_to_ten_minutes() {
    let mut world = World::new(3);
    let node = PeerId(1);
    restart(&mut world, node, 2);
    let mut seen = vec![needed(&world, node)];
    for _ in 0..7 {
        restart(&mut world, node, 1);
        seen.push(needed(&world, node));
    }
    let expected = [30, 60, 120, 240, 480, 600, 600].map(Some);
    assert_eq!(seen, [&[None], &expected[..]].concat());
    assert_eq!(world.cluster.distrust(node, Duration::ZERO, world.now.mono), None, "0 trusts everybody");
}

#[test]
fn without_the_members_that_writes_need_an_old_copy_is_taken_back_at_once() {
    let (mut world, gpid, node) = lost_its_secondary(3, 5);
    let config = world.config(gpid).clone();
    let member = config.secondaries[0];
    assert!(world.proposals().is_empty());
    world.down.insert(member.peer);
    seconds(&mut world, 5);
    world.change(config.primary.unwrap().peer.0, gpid, &ConfigChange::Drop { member, moving: None });
    world.round();
    assert!(world.config(gpid).copy_on(node).is_some());
}

#[test]
fn a_node_that_comes_and_goes_gets_neither_first_nor_further_nor_migrated_copies() {
    let mut world = World::new(5);
    let node = PeerId(4);
    restart(&mut world, node, 3);
    world.create("t", 16, 3);
    world.rounds(8);
    let drained = world.cluster.drain_node(PeerId(0), true, world.options, world.now.mono).unwrap();
    world.apply(drained.into_iter().collect());
    let moves = node_drains(&world.cluster, world.options, world.now);
    assert!(world.all_healthy() && !moves.is_empty() && moves.iter().all(|request| request.to != node), "{moves:?}");
    assert!(world.cluster.live_partitions().all(|p| p.config.copy_on(node).is_none()));
    restart(&mut world, PeerId(3), 3);
    let table = ValidatedTable::new("u", 1, 4).unwrap();
    let refused = world.cluster.create_table(&table, creation(1), world.options, world.now).unwrap_err();
    assert!(refused.message.contains("come and go"), "{refused:?}");
}

#[test]
fn a_node_that_comes_and_goes_is_waited_for_no_longer_than_one_that_stays_away() {
    let (mut world, gpid, node) = lost_its_secondary(4, 3);
    let come_and_go = |world: &mut World| {
        world.down.insert(node);
        world.rounds(7);
        world.down.remove(&node);
        restart(world, node, 1);
        world.rounds(2);
    };
    come_and_go(&mut world);
    come_and_go(&mut world);
    assert_eq!(world.config(gpid).copies().count(), 2, "after 20 of 30 seconds");
    come_and_go(&mut world);
    come_and_go(&mut world);
    assert!(world.all_healthy() && !world.config(gpid).is_member(node));
}

#[test]
fn comebacks_are_forgotten_after_ten_minutes() {
    let mut world = World::new(3);
    let node = PeerId(1);
    restart(&mut world, node, 3);
    assert_eq!(needed(&world, node), Some(30));
    seconds(&mut world, 596);
    restart(&mut world, node, 1);
    assert_eq!(needed(&world, node), Some(30), "one is forgotten, and one is new");
    seconds(&mut world, 601);
    restart(&mut world, node, 2);
    assert_eq!(needed(&world, node), None);
}

#[test]
fn a_node_that_was_silent_came_back_but_one_that_nobody_listened_to_did_not() {
    let mut world = World::new(3);
    for _ in 0..5 {
        world.pass(Duration::from_secs(20));
        world.beat();
    }
    assert!((0..3).all(|node| needed(&world, PeerId(node)).is_none()), "the meta server was away");
    for _ in 0..3 {
        world.down.insert(PeerId(1));
        seconds(&mut world, 5);
        world.down.clear();
        seconds(&mut world, 1);
    }
    assert_eq!((needed(&world, PeerId(1)), needed(&world, PeerId(2))), (Some(30), None));
}

#[test]
fn a_meta_server_that_begins_trusts_everybody() {
    let mut world = World::new(3);
    restart(&mut world, PeerId(1), 5);
    let records = world.cluster.nodes().cloned().map(Record::Node);
    let records: Vec<_> = records.chain([Record::Identity(world.cluster.identity())]).collect();
    let earlier = std::mem::replace(&mut world.cluster, Cluster::load(records, world.now.mono).unwrap());
    restart(&mut world, PeerId(1), 3);
    assert_eq!(needed(&world, PeerId(1)), None, "the first of them may have run for long");
    world.cluster.keep_reports_of(earlier);
    assert!(needed(&world, PeerId(1)).is_some(), "but what is only read again is the same cluster");
}
