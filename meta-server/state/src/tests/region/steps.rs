//! The way forward.

use common::procedure::ProcedureState;
use common::rpc::{ErrorCode, WireError};
use common::types::{ConfigChange, PeerId};

use super::{Walk, idle};
use crate::{Answer, Request, Work};

fn moved(mut walk: Walk, history: &[&str]) {
    let leads = walk.primary() == walk.from;
    walk.finish();
    assert_eq!((walk.state(), walk.cause()), (ProcedureState::Completed, None));
    assert_eq!(walk.history(), history);
    walk.assert_sound();
    let config = walk.world.config(walk.gpid);
    assert!(config.is_member(walk.to) && config.copy_on(walk.from).is_none(), "{config:?}");
    assert_eq!(walk.primary() == walk.to, leads, "{config:?}");
    let info = walk.world.cluster.procedure_info(walk.procedure(), walk.world.now);
    assert_eq!((info.percent, info.write_pause_ms), (100, leads.then_some(7)));
}

#[test]
fn a_primary_moves_with_its_role() {
    moved(Walk::accepted(true), &["queued", "start", "catch_up", "hand_over", "leave", "collect"]);
}

#[test]
fn a_secondary_moves_and_the_primary_stays() {
    moved(Walk::accepted(false), &["queued", "start", "catch_up", "leave", "collect"]);
}

#[test]
fn a_meta_server_that_is_restarted_after_every_step_comes_to_the_same_end() {
    for leads in [true, false] {
        let walk = Walk::accepted(leads).restarting(true);
        let all = ["queued", "start", "catch_up", "hand_over", "leave", "collect"];
        let history: Vec<&str> = all.into_iter().filter(|step| leads || *step != "hand_over").collect();
        moved(walk, &history);
    }
}

#[test]
fn a_step_and_its_change_of_the_configuration_are_one_transaction() {
    let mut walk = Walk::accepted(true);
    let begun = walk.world.cluster.advance(walk.procedure(), walk.world.now);
    assert_eq!(begun.records.len(), 1, "its turn has come");
    walk.world.apply(begun.records);
    let learns = walk.world.cluster.advance(walk.procedure(), walk.world.now);
    assert_eq!(learns.records.len(), 2, "the learner, and the step that waits for it");
    let (mut member, ask) = Walk::member(false);
    member.obey(&ask);
    let left = member.world.cluster.advance(member.procedure(), member.world.now);
    assert_eq!(left.records.len(), 2, "the lock, and the step after it");
}

#[test]
fn where_the_target_is_a_member_only_the_primary_moves() {
    let mut walk = Walk::new(true);
    walk.to = walk.world.config(walk.gpid).secondaries[1].peer;
    walk.accept().unwrap();
    walk.finish();
    assert_eq!((walk.state(), walk.primary()), (ProcedureState::Completed, walk.to));
    assert_eq!(walk.history(), ["queued", "start", "hand_over"]);
    assert!(walk.world.config(walk.gpid).is_member(walk.from), "the source is a secondary now");
    walk.assert_sound();
}

#[test]
fn a_learner_that_the_guardian_made_on_the_target_is_taken() {
    let mut walk = Walk::accepted(false);
    let peer = walk.to;
    let config = walk.world.config(walk.gpid).clone();
    let add = ConfigChange::AddLearner { peer };
    let decided = walk.world.cluster.decide(crate::Requester::MetaServer, walk.gpid, config.ballot, &add, 0).unwrap();
    let crate::Verdict::Install(partition) = decided else { panic!("{decided:?}") };
    walk.world.apply(vec![partition.into()]);
    moved(walk, &["queued", "start", "catch_up", "leave", "collect"]);
}

#[test]
fn a_refused_step_is_tried_again_after_ever_longer_pauses_and_says_why() {
    let (mut walk, ask) = Walk::member(true);
    let mut pauses = Vec::new();
    for attempt in 1..=6 {
        walk.answer(&Answer::Failed(WireError::new(ErrorCode::NotPrimary, "not me", "")));
        assert_eq!(walk.go(), None, "not at once");
        assert_eq!((walk.procedure().attempts, walk.cause()), (attempt, Some(ErrorCode::NotPrimary)));
        let pause = walk.procedure().retry_at_ms - walk.world.now.wall_ms;
        pauses.push(pause);
        walk.world.pass(std::time::Duration::from_millis(pause));
        walk.world.beat();
        assert_eq!(walk.go().as_ref(), Some(&ask));
    }
    assert_eq!(pauses, [250, 500, 1000, 2000, 4000, 8000]);
    walk.obey(&ask);
    walk.go();
    assert_eq!((walk.step(), walk.cause()), ("leave", None), "what went wrong before is over");
}

#[test]
fn no_change_of_members_is_asked_for_before_those_who_waited_for_the_last_were_answered() {
    let (mut walk, ask) = Walk::member(true);
    walk.obey(&ask);
    let ask = walk.settle().unwrap();
    assert!(matches!(ask.request, Request::Drop { .. }));
    walk.obey(&ask);
    walk.go();
    assert_eq!(walk.step(), "collect");
}

#[test]
fn a_primary_that_went_elsewhere_by_itself_is_not_moved_again() {
    let (mut walk, ask) = Walk::member(true);
    assert!(matches!(ask.request, Request::HandOver { .. }));
    let heir = walk.world.config(walk.gpid).secondaries.iter().copied().find(|m| m.peer != walk.to).unwrap();
    walk.world.change(heir.peer.0, walk.gpid, &ConfigChange::TakeOver { by: heir });
    walk.finish();
    assert_eq!((walk.state(), walk.primary()), (ProcedureState::Completed, heir.peer));
}

#[test]
fn a_source_that_leads_again_hands_over_again() {
    let (mut walk, ask) = Walk::member(true);
    walk.obey(&ask);
    walk.go();
    let back = walk.world.config(walk.gpid).copy_on(walk.from).unwrap();
    walk.change(&ConfigChange::HandOver { to: back });
    walk.finish();
    assert_eq!((walk.state(), walk.primary()), (ProcedureState::Completed, walk.to));
    let again = walk.history().iter().filter(|step| **step == "hand_over").count();
    assert_eq!(again, 2, "{:?}", walk.history());
}

#[test]
fn a_source_that_died_is_not_waited_for() {
    let (mut walk, ask) = Walk::member(false);
    walk.world.down.insert(walk.from);
    walk.obey(&ask);
    walk.seconds(6);
    assert_eq!(walk.state(), ProcedureState::Completed);
    assert!(walk.procedure().note.as_ref().unwrap().contains("away"));
    walk.assert_sound();
}

#[test]
fn the_source_is_told_to_set_its_copy_aside_only_once_it_is_out() {
    let (mut walk, ask) = Walk::member(false);
    let source = walk.world.config(walk.gpid).copy_on(walk.from).unwrap();
    let orders = |walk: &Walk| walk.world.cluster.reply(&walk.world.heartbeat(walk.from.0)).collect;
    assert!(orders(&walk).is_empty());
    walk.obey(&ask);
    walk.world.says.insert((walk.from, walk.gpid), Some(idle(walk.gpid, source.incarnation.0)));
    walk.seconds(3);
    assert_eq!(walk.step(), "collect", "its directory is still there");
    assert_eq!(orders(&walk)[0].1, source.incarnation);
    walk.world.says.insert((walk.from, walk.gpid), None);
    walk.seconds(1);
    assert_eq!(walk.state(), ProcedureState::Completed);
}

#[test]
fn migrations_to_one_node_take_turns_in_order() {
    let mut world = super::World::new(4);
    let table = world.create("t", 16, 1);
    world.rounds(8);
    let to = PeerId(3);
    let elsewhere: Vec<_> = world.cluster.live_partitions().map(|p| p.config.clone()).collect();
    let elsewhere: Vec<_> = elsewhere.iter().filter(|c| c.primary.unwrap().peer != to).take(5).collect();
    assert_eq!((table, elsewhere.len()), (1, 5));
    for (n, config) in elsewhere.iter().enumerate() {
        let from = config.primary.unwrap().peer;
        let request = super::MigrateRegion { gpid: config.gpid, from, to, replay_timeout_ms: 60_000 };
        let id = uuid::Uuid::from_u128(n as u128);
        let (_, records) = world.cluster.migrate_region(&request, id, world.now).unwrap();
        world.apply(records);
    }
    let steps = |world: &super::World| world.cluster.open_procedures().map(|p| p.work.step()).collect::<Vec<_>>();
    for n in [0, 1, 2, 3, 4, 0, 1, 2, 3, 4] {
        let procedure = world.cluster.procedure(uuid::Uuid::from_u128(n)).unwrap();
        let records = world.cluster.advance(procedure, world.now).records;
        world.apply(records);
    }
    assert_eq!(steps(&world), ["catch_up", "catch_up", "catch_up", "catch_up", "queued"]);
}

#[test]
fn what_the_target_lacks_and_fetched_is_shown() {
    let mut walk = Walk::learning(true);
    let learner = walk.world.config(walk.gpid).learners[0];
    let told = |committed, learned_bytes| {
        let status = common::types::ReplicaStatus::Learner;
        let committed = common::types::Decree(committed);
        Some(super::super::ReplicaReport {
            status,
            committed,
            learned_bytes,
            learn_bytes: 400,
            ..idle(walk.gpid, learner.incarnation.0)
        })
    };
    walk.world.says.insert((walk.to, walk.gpid), told(4, 100));
    walk.world.second();
    let info = walk.world.cluster.procedure_info(walk.procedure(), walk.world.now);
    assert_eq!((info.lag, info.bytes_done, info.bytes_total, info.percent), (Some(6), 100, 400, 22));
    walk.world.says.clear();
    walk.promote();
    walk.finish();
    let Work::RegionMigration(migration) = &walk.procedure().work else { panic!("{:?}", walk.procedure()) };
    assert_eq!(migration.bytes_done, 100, "kept when it was told last");
    let jobs = walk.world.cluster.jobs(Some(walk.to), walk.world.now).unwrap();
    assert_eq!((jobs.len(), jobs[0].bytes_done, jobs[0].percent()), (1, 100, 100));
    assert_eq!((jobs[0].source.clone(), jobs[0].target.clone()), (walk.from.to_string(), walk.to.to_string()));
    let states: Vec<String> = jobs[0].history.iter().map(|step| step.state.to_string()).collect();
    assert_eq!(states, ["IDLE", "START", "MOVING", "MOVED", "CLOSED", "COMPLETED"]);
}
