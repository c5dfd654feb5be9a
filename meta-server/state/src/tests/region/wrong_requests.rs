//! What is refused, each with its own code, in a fixed order; and what needs nothing to be done.

use common::procedure::{MigrateRegion, ProcedureFilter, ProcedureState};
use common::rpc::ErrorCode;
use common::rpc::node_admin::DiskStatus;
use common::types::{Gpid, PeerId};
use uuid::Uuid;

use super::Walk;
use crate::{PROCEDURES_MAX, Procedure, Record, RegionMigration, Work};

#[test]
fn source_and_target_are_compared_before_anything_else() {
    let walk = Walk::new(true);
    let nonsense = MigrateRegion { gpid: Gpid::new(9, 9), from: PeerId(9), to: PeerId(9), replay_timeout_ms: 0 };
    assert_eq!(walk.refused(nonsense), ErrorCode::SameNode);
    let good = walk.request();
    assert_eq!(walk.refused(MigrateRegion { to: walk.from, ..good }), ErrorCode::SameNode);
}

#[test]
fn each_wrong_request_has_its_own_code() {
    let walk = Walk::new(true);
    let good = walk.request();
    let secondaries = walk.world.config(walk.gpid).secondaries.clone();
    let wrong = [
        (MigrateRegion { replay_timeout_ms: 999, ..good }, ErrorCode::InvalidArgument),
        (MigrateRegion { gpid: Gpid::new(9, 0), ..good }, ErrorCode::UnknownPartition),
        (MigrateRegion { gpid: Gpid::new(1, 7), ..good }, ErrorCode::UnknownPartition),
        (MigrateRegion { from: PeerId(9), ..good }, ErrorCode::UnknownNode),
        (MigrateRegion { to: PeerId(9), ..good }, ErrorCode::UnknownNode),
        (MigrateRegion { from: secondaries[0].peer, to: secondaries[1].peer, ..good }, ErrorCode::TargetHoldsReplica),
    ];
    for (request, code) in wrong {
        let error = walk.ask_for(request).unwrap_err();
        assert_eq!(error.code, code, "{request:?}: {error:?}");
        assert!(!error.hint.is_empty(), "{error:?} says what to do");
    }
    let mut five = super::World::new(5);
    let gpid = Gpid::new(five.create("t", 1, 3), 0);
    five.rounds(8);
    let without: Vec<_> = (0..5).map(PeerId).filter(|peer| five.config(gpid).copy_on(*peer).is_none()).collect();
    let request = MigrateRegion { gpid, from: without[0], to: without[1], replay_timeout_ms: 1000 };
    let refused = five.cluster.migrate_region(&request, Uuid::from_u128(1), five.now);
    assert_eq!(refused.unwrap_err().code, ErrorCode::NotOnNode);
}

#[test]
fn a_dead_target_one_without_room_and_one_not_heard_of_yet_are_told_apart() {
    let mut walk = Walk::new(true);
    walk.world.disk.insert(walk.to, DiskStatus::SpaceInsufficient);
    walk.world.beat();
    assert_eq!(walk.refused(walk.request()), ErrorCode::DiskSpaceInsufficient);
    walk.world.down.insert(walk.to);
    walk.world.pass(std::time::Duration::from_secs(6));
    walk.world.beat();
    assert_eq!(walk.refused(walk.request()), ErrorCode::NodeDead, "dead comes before full");
    walk.world.restart();
    assert_eq!(walk.refused(walk.request()), ErrorCode::NotReady);
}

#[test]
fn a_target_without_room_for_the_copy_and_its_headroom_is_refused_and_told_what_lacks() {
    let mut walk = Walk::new(true);
    (walk.world.size_bytes, walk.world.headroom_bytes) = (600, 100);
    walk.world.available.insert(walk.to, 700);
    walk.world.beat();
    assert!(walk.ask_for(walk.request()).is_ok(), "it just fits");
    walk.world.available.insert(walk.to, 699);
    walk.world.beat();
    let error = walk.ask_for(walk.request()).unwrap_err();
    assert_eq!(error.code, ErrorCode::DiskSpaceInsufficient);
    assert!(error.message.contains("needs 700 bytes with headroom, 699 are free"), "{error:?}");
    assert!(error.hint.starts_with("free 1 bytes more"), "{error:?}");
}

#[test]
fn room_that_was_lost_before_the_turn_came_fails_the_migration_before_anything_is_made() {
    let mut walk = Walk::accepted(true);
    walk.world.size_bytes = 600;
    walk.world.available.insert(walk.to, 599);
    walk.world.beat();
    assert_eq!(walk.go(), None);
    assert_eq!((walk.state(), walk.cause()), (ProcedureState::Failed, Some(ErrorCode::DiskSpaceInsufficient)));
    assert!(walk.world.config(walk.gpid).copy_on(walk.to).is_none());
}

#[test]
fn a_partition_that_something_else_moves_is_busy_and_says_with_what() {
    let mut walk = Walk::new(true);
    walk.world.lock(walk.gpid, 5);
    let error = walk.ask_for(walk.request()).unwrap_err();
    assert_eq!(error.code, ErrorCode::PartitionBusy);
    assert!(error.message.contains(&Uuid::from_u128(5).to_string()), "{error:?}");
    let mut walk = Walk::accepted(true);
    assert_eq!(walk.refused(walk.request()), ErrorCode::PartitionBusy);
    let disk_job = Uuid::from_u128(5);
    let locked = walk.world.cluster.lock(walk.gpid, disk_job, walk.world.now);
    assert_eq!(locked.unwrap_err().code, ErrorCode::PartitionBusy);
    assert_eq!(
        walk.world.cluster.drop_table("t", uuid::Uuid::from_u128(6), walk.world.now).unwrap_err().code,
        ErrorCode::PartitionBusy
    );
    walk.finish();
    assert!(walk.world.cluster.lock(walk.gpid, disk_job, walk.world.now).unwrap().is_some());
}

#[test]
fn what_is_where_it_should_be_has_completed_at_once_and_says_so() {
    let walk = Walk::new(true);
    let config = walk.world.config(walk.gpid).clone();
    let (primary, secondary) = (config.primary.unwrap().peer, config.secondaries[0].peer);
    for (from, to) in [(walk.to, primary), (walk.to, secondary), (secondary, primary)] {
        let (procedure, records) = walk.ask_for(MigrateRegion { from, to, ..walk.request() }).unwrap();
        assert_eq!((procedure.state, records.len()), (ProcedureState::Completed, 1));
        assert!(procedure.note.is_some() && procedure.finished_at_ms.is_some());
    }
}

fn filled(ended: usize) -> super::World {
    let mut world = super::World::new(2);
    for n in 0..ended {
        let work = Work::RegionMigration(RegionMigration::new(Gpid::new(1, 0), PeerId(0), PeerId(1), 1000));
        let procedure = Procedure::new(Uuid::from_u128(n as u128), work, n as u64);
        let (state, finished_at_ms) = (ProcedureState::Completed, Some(world.now.wall_ms));
        world.apply(vec![Procedure { state, finished_at_ms, ..procedure }.into()]);
    }
    world
}

#[test]
fn those_that_ended_are_kept_for_a_week_and_not_without_end() {
    let mut world = filled(3);
    assert!(world.cluster.outlived_procedures(1, world.now).is_empty());
    world.pass(std::time::Duration::from_secs(7 * 24 * 3600));
    assert_eq!(world.cluster.outlived_procedures(1, world.now).len(), 3);
    let full = filled(PROCEDURES_MAX);
    let gone = full.cluster.outlived_procedures(1, full.now);
    let oldest = full.cluster.procedures.keys().next().copied();
    assert_eq!(gone, oldest.map(Record::ProcedureGone).into_iter().collect::<Vec<_>>());
}

#[test]
fn procedures_are_listed_by_state_the_newest_of_them_in_order() {
    let world = filled(5);
    let listed = |state, limit| {
        let infos = world.cluster.procedure_infos(ProcedureFilter { state, limit }, world.now);
        infos.iter().map(|info| info.queued_at_ms).collect::<Vec<_>>()
    };
    assert_eq!(listed(None, Some(2)), [3, 4]);
    assert_eq!(listed(Some(ProcedureState::Completed), None), [0, 1, 2, 3, 4]);
    assert!(listed(Some(ProcedureState::Running), None).is_empty());
}
