//! Failures and cancels: before the target is a member all is as it was, after that there is only forward.

use std::time::Duration;

use common::procedure::ProcedureState;
use common::rpc::{ErrorCode, WireError};
use common::types::{Ballot, ConfigChange, ReplicaStatus};

use super::{REPLAY_MS, Walk, idle};
use crate::Answer;

/// Rolled back: the members are those of before, nothing is locked, and the target is to set aside what it has.
fn rolled_back(walk: &mut Walk, state: ProcedureState, cause: Option<ErrorCode>) {
    walk.seconds(130);
    assert_eq!((walk.state(), walk.cause()), (state, cause), "{:?}", walk.procedure());
    walk.assert_sound();
    assert!(walk.world.config(walk.gpid).copy_on(walk.to).is_none());
}

#[test]
fn a_cancel_before_the_target_is_a_member_leaves_everything_as_it_was() {
    for restarts in [false, true] {
        let mut queued = Walk::accepted(true).restarting(restarts);
        queued.cancel().unwrap();
        queued.go();
        assert_eq!((queued.state(), queued.history()), (ProcedureState::Cancelled, vec!["queued"]));
        queued.assert_sound();
        let mut learning = Walk::learning(true).restarting(restarts);
        learning.cancel().unwrap();
        learning.go();
        assert_eq!(learning.step(), "rollback");
        rolled_back(&mut learning, ProcedureState::Cancelled, None);
    }
}

#[test]
fn a_cancel_after_that_is_refused_and_so_is_one_of_what_is_over() {
    let (mut walk, ask) = Walk::member(true);
    assert_eq!(walk.cancel(), Err(ErrorCode::NotCancellable));
    walk.obey(&ask);
    walk.go();
    assert_eq!(walk.cancel(), Err(ErrorCode::NotCancellable));
    walk.finish();
    assert_eq!(walk.cancel(), Err(ErrorCode::JobEnded));
    let unknown = walk.world.cluster.cancel_procedure(uuid::Uuid::from_u128(1), walk.world.now);
    assert_eq!(unknown.unwrap_err().code, ErrorCode::UnknownJob);
}

#[test]
fn a_cancel_that_meets_a_promotion_goes_forward() {
    let mut walk = Walk::learning(false);
    walk.cancel().unwrap();
    walk.promote();
    walk.finish();
    assert_eq!(walk.state(), ProcedureState::Completed);
    walk.assert_sound();
}

#[test]
fn a_target_that_dies_while_it_catches_up_is_given_up_with_that_cause() {
    for restarts in [false, true] {
        let mut walk = Walk::learning(true).restarting(restarts);
        walk.world.down.insert(walk.to);
        rolled_back(&mut walk, ProcedureState::Failed, Some(ErrorCode::NodeDead));
        assert_eq!(walk.history().last(), Some(&"rollback"));
    }
}

#[test]
fn a_target_that_does_not_catch_up_in_time_is_given_up_with_what_it_lacks() {
    let mut walk = Walk::learning(true);
    walk.seconds(REPLAY_MS / 1000 - 1);
    assert_eq!(walk.step(), "catch_up");
    walk.seconds(1);
    rolled_back(&mut walk, ProcedureState::Failed, Some(ErrorCode::Timeout));
    assert!(walk.procedure().error.as_ref().unwrap().message.contains("it lacks 0 mutations"));
}

#[test]
fn a_learner_that_its_primary_dropped_is_not_made_again() {
    let mut walk = Walk::learning(true);
    let member = walk.world.config(walk.gpid).learners[0];
    walk.change(&ConfigChange::Drop { member, moving: None });
    rolled_back(&mut walk, ProcedureState::Failed, Some(ErrorCode::NotMember));
}

#[test]
fn a_target_that_still_has_a_copy_is_told_to_set_it_aside_and_waited_for_only_so_long() {
    let mut walk = Walk::learning(true);
    let learner = walk.world.config(walk.gpid).learners[0];
    walk.cancel().unwrap();
    walk.go();
    walk.world.says.insert((walk.to, walk.gpid), Some(idle(walk.gpid, learner.incarnation.0)));
    walk.seconds(100);
    assert_eq!(walk.step(), "rollback");
    assert_eq!(walk.state(), ProcedureState::Running);
    let orders = walk.world.cluster.reply(&walk.world.heartbeat(walk.to.0)).collect;
    assert_eq!(orders[0].1, learner.incarnation);
    rolled_back(&mut walk, ProcedureState::Cancelled, None);
    assert!(walk.procedure().note.is_some());
}

#[test]
fn what_cannot_begin_fails_with_its_cause_and_frees_the_partition() {
    let mut dead = Walk::accepted(true);
    dead.world.down.insert(dead.to);
    dead.world.pass(Duration::from_secs(6));
    dead.world.beat();
    dead.go();
    assert_eq!((dead.state(), dead.cause()), (ProcedureState::Failed, Some(ErrorCode::NodeDead)));
    dead.assert_sound();
    let mut leaderless = Walk::accepted(false);
    let primary = leaderless.primary();
    leaderless.world.down.insert(primary);
    leaderless.seconds(6);
    assert_eq!(leaderless.step(), "catch_up", "it was there when it began");
    let mut leaderless = Walk::accepted(false);
    leaderless.world.down.insert(primary);
    leaderless.world.pass(Duration::from_secs(6));
    leaderless.world.beat();
    leaderless.seconds(30);
    assert_eq!(leaderless.step(), "start");
    leaderless.seconds(31);
    assert_eq!((leaderless.state(), leaderless.cause()), (ProcedureState::Failed, Some(ErrorCode::NotServing)));
    leaderless.assert_sound();
}

#[test]
fn a_partition_that_froze_is_left_to_its_recovery() {
    let mut walk = Walk::accepted(true);
    let frozen = crate::Partition { frozen: Some(Ballot(99)), ..walk.world.partition(walk.gpid) };
    walk.world.apply(vec![frozen.into()]);
    walk.go();
    assert_eq!((walk.state(), walk.cause()), (ProcedureState::Failed, Some(ErrorCode::PartitionBusy)));
}

#[test]
fn a_step_that_never_comes_about_is_given_up_as_it_stands_and_the_same_request_finishes_it() {
    let (mut walk, _) = Walk::member(true);
    walk.answer(&Answer::Failed(WireError::new(ErrorCode::Unreachable, "nobody there", "")));
    walk.seconds(601);
    assert_eq!((walk.state(), walk.cause()), (ProcedureState::Failed, Some(ErrorCode::Timeout)));
    assert!(walk.procedure().error.as_ref().unwrap().message.contains("nobody there"));
    let config = walk.world.config(walk.gpid);
    assert!(config.is_member(walk.to) && config.is_member(walk.from), "nothing is taken back: {config:?}");
    assert_eq!(walk.world.partition(walk.gpid).lock, None);
    walk.accept().unwrap();
    walk.finish();
    assert_eq!((walk.state(), walk.primary()), (ProcedureState::Completed, walk.to));
    walk.assert_sound();
}

#[test]
fn a_target_that_was_a_member_and_left_ends_it_with_the_partition_where_it_was() {
    for leads in [true, false] {
        let (mut walk, _) = Walk::member(leads);
        let member = walk.world.config(walk.gpid).copy_on(walk.to).unwrap();
        walk.change(&ConfigChange::Drop { member, moving: None });
        walk.go();
        assert_eq!((walk.state(), walk.cause()), (ProcedureState::Failed, Some(ErrorCode::NotMember)));
        walk.assert_sound();
    }
}

#[test]
fn a_source_that_became_a_learner_is_dropped_without_its_primary() {
    let (mut walk, ask) = Walk::member(false);
    walk.obey(&ask);
    let peer = walk.from;
    walk.world.cluster.paces.clear();
    let (gpid, ballot) = (walk.gpid, walk.world.config(walk.gpid).ballot);
    let add = ConfigChange::AddLearner { peer };
    let decided = walk.world.cluster.decide(crate::Requester::MetaServer, gpid, ballot, &add, 0).unwrap();
    let crate::Verdict::Install(partition) = decided else { panic!("{decided:?}") };
    walk.world.apply(vec![partition.into()]);
    assert_eq!(walk.go(), None);
    assert_eq!(walk.step(), "collect");
    assert!(walk.world.config(gpid).copy_on(peer).is_none());
}

#[test]
fn a_target_whose_copy_failed_is_dropped_by_the_guardian_and_given_up() {
    let mut walk = Walk::learning(true);
    let learner = walk.world.config(walk.gpid).learners[0];
    let failed = super::super::ReplicaReport { status: ReplicaStatus::Error, ..idle(walk.gpid, learner.incarnation.0) };
    walk.world.says.insert((walk.to, walk.gpid), Some(failed));
    walk.world.second();
    for proposal in walk.world.proposals() {
        let next = walk.world.cluster.accept(&proposal, walk.world.now.wall_ms).unwrap();
        walk.world.apply(vec![next.into()]);
    }
    walk.world.says.clear();
    rolled_back(&mut walk, ProcedureState::Failed, Some(ErrorCode::NotMember));
}
