//! Copies of a lost node are made anew: how many at once, and what is told of them.

use common::procedure::ProcedureState;

use super::*;
use crate::policy::Cure;
use crate::procedure::Work;

/// Five nodes, 16 partitions of three replicas; one node is gone for good, and its copies were dropped.
fn lost() -> World {
    let mut world = World::new(5);
    world.create("t", 16, 3);
    world.rounds(8);
    let dead = PeerId(0);
    let configs: Vec<_> = world.cluster.live_partitions().map(|p| p.config.clone()).collect();
    world.down.insert(dead);
    for config in configs.iter().filter(|config| config.secondaries.iter().any(|m| m.peer == dead)) {
        let member = *config.secondaries.iter().find(|m| m.peer == dead).unwrap();
        world.change(config.primary.unwrap().peer.0, config.gpid, &ConfigChange::Drop { member, moving: None });
    }
    world.pass(Duration::from_secs(700));
    world.beat();
    world
}

/// Takes the guardian's rebuilds over, with their records.
fn begin(world: &mut World, options: GuardianOptions) -> Vec<Uuid> {
    let mut ids = Vec::new();
    for proposal in guardian(&world.cluster, options, world.now) {
        let Cure::Rebuild(on) = proposal.cure else { continue };
        let id = Uuid::from_u128(1000 + u128::from(proposal.gpid.partition_index));
        let next = world.cluster.accept(&proposal, world.now.wall_ms).unwrap();
        let record = world.cluster.rebuild(&next, on, id, world.now.wall_ms).unwrap();
        world.apply(vec![next.into(), record.into()]);
        ids.push(id);
    }
    ids
}

fn go_on(world: &mut World) {
    let open: Vec<_> = world.cluster.open_procedures().cloned().collect();
    for procedure in open {
        let next = world.cluster.advance(&procedure, world.now);
        assert_eq!(next.ask, None);
        world.apply(next.records);
    }
}

#[test]
fn only_so_many_copies_are_made_anew_at_once() {
    let mut world = lost();
    let two = GuardianOptions { max_rebuilds: 2, ..GuardianOptions::default() };
    assert_eq!(begin(&mut world, two).len(), 2);
    world.beat();
    assert_eq!((begin(&mut world, two).len(), world.cluster.rebuilds()), (0, 2), "the first are not done yet");
    world.promote_learners();
    go_on(&mut world);
    assert_eq!((world.cluster.rebuilds(), begin(&mut world, two).len()), (0, 2), "the next follow");
    let none = GuardianOptions { max_rebuilds: 0, ..GuardianOptions::default() };
    assert!(begin(&mut world, none).is_empty());
}

#[test]
fn a_copy_made_anew_is_told_of_until_it_is_a_member_or_was_given_up() {
    let mut world = lost();
    let ids = begin(&mut world, GuardianOptions { max_rebuilds: 2, ..GuardianOptions::default() });
    let [done, failed] = ids[..] else { panic!("{ids:?}") };
    go_on(&mut world);
    assert_eq!(world.cluster.rebuilds(), 2, "both still learn");
    let target = |world: &World, id| {
        let Work::Rebuild(rebuild) = &world.cluster.procedure(id).unwrap().work else { panic!("another kind") };
        assert_eq!(rebuild.lost, PeerId(0));
        (rebuild.gpid, rebuild.target)
    };
    let ((gpid, learner), (other, dropped)) = (target(&world, done), target(&world, failed));
    world.change(world.config(gpid).primary.unwrap().peer.0, gpid, &ConfigChange::Promote { learner });
    let drop = ConfigChange::Drop { member: dropped, moving: None };
    world.change(world.config(other).primary.unwrap().peer.0, other, &drop);
    go_on(&mut world);
    let state = |id| world.cluster.procedure(id).unwrap().state;
    assert_eq!((state(done), state(failed)), (ProcedureState::Completed, ProcedureState::Failed));
    let jobs = world.cluster.jobs(Some(PeerId(0)), world.now).unwrap();
    assert_eq!(jobs.iter().filter(|job| job.last_error.is_some()).count(), 1, "the cause is kept");
    assert!(world.cluster.cancel_procedure(done, world.now).is_err());
}

#[test]
fn the_copies_of_a_new_table_wait_for_nobody() {
    let mut world = lost();
    world.create("new", 8, 3);
    world.rounds(3);
    let none = GuardianOptions { max_rebuilds: 0, ..GuardianOptions::default() };
    for _ in 0..6 {
        world.pass(Duration::from_secs(1));
        world.beat();
        for proposal in guardian(&world.cluster, none, world.now) {
            let next = world.cluster.accept(&proposal, world.now.wall_ms).unwrap();
            world.apply(vec![next.into()]);
        }
        world.promote_learners();
    }
    assert!(world.cluster.partitions_of(common::types::TableId(2)).all(|p| p.config.is_healthy()));
}
