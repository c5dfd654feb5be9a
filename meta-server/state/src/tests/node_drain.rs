//! A node is emptied for planned work: what is begun, how often, and what keeps away.

use common::procedure::ProcedureState;
use common::rpc::ErrorCode;

use super::*;
use crate::policy::{drain_blocked, node_drains};
use crate::procedure::Request;

const DRAINED: PeerId = PeerId(0);

fn healthy(nodes: u64, partitions: u32) -> World {
    let mut world = World::new(nodes);
    world.create("t", partitions, 3);
    world.rounds(8);
    assert!(world.all_healthy());
    world
}

fn drain(world: &mut World, draining: bool) {
    let record = world.cluster.drain_node(DRAINED, draining, world.options, world.now.mono).unwrap();
    world.apply(record.into_iter().collect());
}

fn left(world: &World) -> usize {
    world.cluster.live_partitions().filter(|p| p.config.copy_on(DRAINED).is_some()).count()
}

/// Begins what the drain asks for.
fn begin(world: &mut World) -> usize {
    let requests = node_drains(&world.cluster, world.options, world.now);
    for (n, request) in requests.iter().enumerate() {
        let id = Uuid::from_u128(u128::from(world.now.wall_ms) * 100 + n as u128);
        let (_, records) = world.cluster.migrate_region(request, id, world.now).unwrap();
        world.apply(records);
    }
    requests.len()
}

/// Every migration goes as far as it can; primaries do what they are asked.
fn go_on(world: &mut World) {
    let open: Vec<Uuid> = world.cluster.open_procedures().map(|procedure| procedure.id).collect();
    for id in open {
        loop {
            let next = world.cluster.advance(world.cluster.procedure(id).unwrap(), world.now);
            if let Some(ask) = next.ask {
                let primary = world.config(ask.gpid).primary.unwrap().peer.0;
                let change = match ask.request {
                    Request::HandOver { to, .. } => ConfigChange::HandOver { to },
                    Request::Drop { member } => ConfigChange::Drop { member, moving: None },
                };
                world.change(primary, ask.gpid, &change);
            } else if next.records.is_empty() {
                break;
            }
            world.apply(next.records);
        }
    }
}

#[test]
fn a_drained_node_becomes_empty_four_replicas_at_a_time_and_gets_none_back() {
    let mut world = healthy(5, 16);
    drain(&mut world, true);
    let at_first = left(&world);
    assert!(at_first > 4);
    for _ in 0..60 {
        begin(&mut world);
        assert!(world.cluster.open_procedures().count() <= 4);
        world.round();
        go_on(&mut world);
    }
    assert_eq!((left(&world), world.all_healthy()), (0, true));
    let migrations = world.cluster.ended_procedures().filter(|procedure| procedure.work.transfer().is_some());
    assert_eq!(migrations.count(), at_first);
    world.rounds(5);
    assert_eq!(left(&world), 0);
    let drained = world.cluster.one_node(DRAINED, world.options, world.now.mono).unwrap();
    assert_eq!((drained.draining, drained.drain_blocked), (true, None));
}

#[test]
fn a_drain_survives_the_nodes_restart_and_ends_when_it_is_told_to() {
    let mut world = healthy(4, 4);
    drain(&mut world, true);
    world.register(0, 900, true);
    assert!(world.cluster.is_draining(DRAINED));
    drain(&mut world, false);
    assert!(!world.cluster.is_draining(DRAINED) && node_drains(&world.cluster, world.options, world.now).is_empty());
}

#[test]
fn a_replica_whose_migration_failed_waits_ever_longer_before_the_next() {
    let mut world = healthy(4, 1);
    drain(&mut world, true);
    let mut waits = Vec::new();
    for _ in 0..3 {
        let since = world.now.wall_ms;
        while begin(&mut world) == 0 {
            world.pass(Duration::from_secs(1));
            world.beat();
        }
        waits.push((world.now.wall_ms - since) / 1000);
        let open = world.cluster.open_procedures().next().unwrap().clone();
        let gpid = Gpid::new(1, 0);
        let failed = open.ended(ProcedureState::Failed, world.now.wall_ms);
        let free = Partition { lock: None, ..world.partition(gpid) };
        world.apply(vec![failed.into(), free.into()]);
    }
    assert_eq!(waits, [0, 10, 20]);
}

#[test]
fn a_drain_that_cannot_end_is_refused_or_says_why() {
    let world = healthy(3, 2);
    let refused = world.cluster.drain_node(DRAINED, true, world.options, world.now.mono).unwrap_err();
    assert_eq!(refused.code, ErrorCode::RedundancyTooLow);
    let unknown = world.cluster.drain_node(PeerId(77), true, world.options, world.now.mono).unwrap_err();
    assert_eq!(unknown.code, ErrorCode::UnknownNode);

    let mut world = healthy(4, 8);
    drain(&mut world, true);
    world.disk.insert(PeerId(3), DiskStatus::SpaceInsufficient);
    world.beat();
    let node = world.cluster.node(DRAINED).unwrap();
    let why = drain_blocked(&world.cluster, world.options, node, world.now.mono);
    assert!(why.is_some_and(|text| text.contains("no other node takes")));
}
