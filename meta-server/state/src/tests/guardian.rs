//! What the guardian does and, as important, what it leaves alone.

use std::collections::BTreeMap;

use common::job::{Job, JobState};
use common::types::{Incarnation, MovingRequest};

use super::*;
use crate::policy::Cure;
use crate::{ChangeRefusal, DEAD_AFTER};

pub(super) fn healthy(nodes: u64, partitions: u32, replicas: u32) -> (World, Gpid) {
    let mut world = World::new(nodes);
    let table = world.create("t", partitions, replicas);
    world.rounds(8);
    assert!(world.all_healthy());
    (world, Gpid::new(table, 0))
}

#[test]
fn a_new_table_becomes_healthy_and_evenly_spread() {
    let (world, _) = healthy(3, 64, 3);
    let mut leads: BTreeMap<PeerId, u32> = BTreeMap::new();
    world.cluster.live_partitions().for_each(|p| *leads.entry(p.config.primary.unwrap().peer).or_default() += 1);
    assert!(leads.values().all(|n| (21..=22).contains(n)), "{leads:?}");
    assert!(world.proposals().is_empty());
}

#[test]
fn copies_spread_over_more_nodes_than_replicas() {
    let (world, _) = healthy(5, 64, 3);
    for node in world.cluster.cluster_info(&[], world.options, world.now.mono).nodes {
        assert!((36..=41).contains(&node.replicas), "{node:?}");
    }
}

#[test]
fn a_first_copy_whose_node_died_is_made_elsewhere_at_ballot_0() {
    let mut world = World::new(3);
    let gpid = Gpid::new(world.create("t", 1, 3), 0);
    let first = world.config(gpid).learners[0];
    world.down.insert(first.peer);
    world.rounds(6);
    world.down.remove(&first.peer);
    let config = world.config(gpid);
    assert!(config.primary.is_some_and(|p| p.peer != first.peer && p.incarnation > first.incarnation));
}

#[test]
fn a_dead_secondary_is_waited_for_then_replaced() {
    let (mut world, gpid) = healthy(4, 1, 3);
    let config = world.config(gpid).clone();
    let (primary, dead) = (config.primary.unwrap().peer.0, config.secondaries[0]);
    world.down.insert(dead.peer);
    world.change(primary, gpid, &ConfigChange::Drop { member: dead, moving: None });
    world.rounds(20);
    assert_eq!(world.config(gpid).member_count(), 2);
    world.rounds(20);
    assert!(world.all_healthy() && !world.config(gpid).is_member(dead.peer));
}

/// A partition of four nodes that has lost a secondary with its node.
pub(super) fn one_is_lost() -> (World, Gpid, PeerId) {
    let (mut world, gpid) = healthy(4, 1, 3);
    let config = world.config(gpid).clone();
    let (primary, dead) = (config.primary.unwrap().peer.0, config.secondaries[0]);
    world.down.insert(dead.peer);
    world.pass(DEAD_AFTER);
    world.beat();
    world.change(primary, gpid, &ConfigChange::Drop { member: dead, moving: None });
    (world, gpid, dead.peer)
}

fn maintain(world: &mut World, on: bool) {
    let record = world.cluster.set_maintenance(on, world.now).unwrap();
    world.apply(vec![record]);
    assert_eq!(world.cluster.set_maintenance(on, world.now), None, "it is so already");
}

#[test]
fn in_maintenance_mode_and_without_failover_a_lost_copy_is_not_made_anew_until_that_ends() {
    for by_setting in [false, true] {
        let (mut world, gpid, dead) = one_is_lost();
        if by_setting {
            world.options.enable_region_failover = false;
        } else {
            maintain(&mut world, true);
        }
        world.rounds(100);
        assert_eq!(world.config(gpid).copies().count(), 2);
        if by_setting {
            world.options.enable_region_failover = true;
        } else {
            maintain(&mut world, false);
        }
        world.rounds(4);
        assert!(world.all_healthy() && !world.config(gpid).is_member(dead));
    }
}

#[test]
fn in_maintenance_mode_a_node_that_returns_is_taken_back_and_leaders_are_appointed() {
    let (mut world, gpid, dead) = one_is_lost();
    maintain(&mut world, true);
    world.rounds(50);
    world.down.remove(&dead);
    world.says.insert((dead, gpid), Some(idle(gpid, 1)));
    world.round();
    assert!(world.config(gpid).copy_on(dead).is_some());
    world.says.clear();
    world.rounds(2);
    let ballot = world.config(gpid).ballot;
    for member in world.config(gpid).clone().members() {
        world.says.insert((member.peer, gpid), Some(idle(gpid, member.incarnation.0)));
    }
    world.rounds(2);
    assert!(world.config(gpid).appointed.is_some_and(|appointed| appointed > ballot));
}

#[test]
fn in_maintenance_mode_new_tables_and_copies_of_failed_disks_are_made() {
    let (mut world, gpid) = healthy(4, 1, 3);
    maintain(&mut world, true);
    let table = world.create("u", 2, 3);
    world.rounds(8);
    assert!(world.config(Gpid::new(table, 1)).is_healthy());
    let config = world.config(gpid).clone();
    let failed = config.secondaries[0];
    world.disk.insert(failed.peer, DiskStatus::IoError);
    world.says.insert((failed.peer, gpid), None);
    let drop = ConfigChange::Drop { member: failed, moving: None };
    world.change(config.primary.unwrap().peer.0, gpid, &drop);
    world.rounds(4);
    assert!(world.config(gpid).is_healthy());
}

#[test]
fn a_node_that_went_away_again_while_it_learned_is_waited_for_like_any_other() {
    let (mut world, gpid, away) = one_is_lost();
    world.options.replica_lost_delay = Duration::from_secs(60);
    world.rounds(5);
    world.down.remove(&away);
    world.says.insert((away, gpid), Some(idle(gpid, 1)));
    world.pass(Duration::from_secs(1));
    world.beat();
    let proposal = world.proposals()[0].clone();
    let next = world.cluster.accept(&proposal, world.now.wall_ms).unwrap();
    world.apply(vec![next.into()]);
    world.down.insert(away);
    // Its learner is dropped after thirty seconds, and another takes its place only after sixty.
    world.rounds(50);
    assert_eq!(world.config(gpid).copies().count(), 2);
    world.rounds(15);
    assert!(world.all_healthy() && !world.config(gpid).is_member(away));
}

#[test]
fn a_former_member_that_returns_is_taken_back_at_once() {
    let (mut world, gpid) = healthy(4, 1, 3);
    let config = world.config(gpid).clone();
    let (primary, away) = (config.primary.unwrap().peer.0, config.secondaries[0]);
    world.down.insert(away.peer);
    world.change(primary, gpid, &ConfigChange::Drop { member: away, moving: None });
    world.rounds(10);
    world.down.remove(&away.peer);
    world.says.insert((away.peer, gpid), Some(idle(gpid, away.incarnation.0)));
    world.round();
    assert!(world.config(gpid).copy_on(away.peer).is_some_and(|m| m.incarnation > away.incarnation));
}

#[test]
fn a_member_that_was_dropped_is_taken_back_only_at_what_it_says_afterwards() {
    let (mut world, gpid) = healthy(4, 1, 3);
    let config = world.config(gpid).clone();
    let member = config.secondaries[0];
    world.says.insert((member.peer, gpid), Some(idle(gpid, member.incarnation.0)));
    world.beat();
    world.down.insert(member.peer);
    world.pass(Duration::from_secs(2));
    world.beat();
    world.change(config.primary.unwrap().peer.0, gpid, &ConfigChange::Drop { member, moving: None });
    world.round();
    assert_eq!(world.config(gpid).copies().count(), 2, "it died, and the others are not given its copy either");
    world.down.clear();
    world.round();
    assert!(world.config(gpid).copy_on(member.peer).is_some());
}

#[test]
fn a_disk_move_is_waited_for_until_its_deadline() {
    let (mut world, gpid) = healthy(4, 1, 3);
    let config = world.config(gpid).clone();
    let member = config.secondaries[0];
    let deadline_ms = world.now.wall_ms + 60_000;
    let moving = Some(MovingRequest { job: Uuid::from_u128(9), deadline_ms, hand_back: false });
    world.lock(gpid, 9);
    world.change(config.primary.unwrap().peer.0, gpid, &ConfigChange::Drop { member, moving });
    world.rounds(59);
    assert_eq!(world.config(gpid).member_count(), 2);
    let unlock = world.cluster.unlock(gpid, Uuid::from_u128(9)).unwrap().unwrap();
    world.apply(vec![unlock]);
    world.rounds(40);
    assert!(world.all_healthy() && world.config(gpid).moving.is_none());
}

#[test]
fn a_request_to_leave_of_a_job_that_gave_its_lock_back_is_refused() {
    let (mut world, gpid) = healthy(4, 1, 3);
    let config = world.config(gpid).clone();
    let (member, from) = (config.secondaries[0], Requester::Peer(config.primary.unwrap().peer));
    let deadline_ms = world.now.wall_ms + 60_000;
    let moving = Some(MovingRequest { job: Uuid::from_u128(9), deadline_ms, hand_back: false });
    world.lock(gpid, 9);
    let unlock = world.cluster.unlock(gpid, Uuid::from_u128(9)).unwrap().unwrap();
    world.apply(vec![unlock]);
    let change = ConfigChange::Drop { member, moving };
    let verdict = world.cluster.decide(from, gpid, config.ballot, &change, world.now.wall_ms).unwrap();
    assert_eq!(verdict, Verdict::Refused(config.into(), ChangeRefusal::NotLocked { job: Uuid::from_u128(9) }));
}

#[test]
fn a_locked_partition_is_left_to_its_job_until_the_jobs_end_is_reported() {
    let (mut world, gpid) = healthy(4, 1, 3);
    let config = world.config(gpid).clone();
    let lock = world.cluster.lock(gpid, Uuid::from_u128(9), world.now).unwrap().unwrap();
    world.apply(vec![lock]);
    let member = config.secondaries[0];
    world.says.insert((member.peer, gpid), Some(idle(gpid, member.incarnation.0)));
    world.change(config.primary.unwrap().peer.0, gpid, &ConfigChange::Drop { member, moving: None });
    world.rounds(40);
    assert_eq!(world.config(gpid).member_count(), 2);
    let unlock = world.cluster.unlock(gpid, Uuid::from_u128(9)).unwrap().unwrap();
    world.apply(vec![unlock]);
    world.says.clear();
    world.rounds(2);
    assert!(world.all_healthy());
}

#[test]
fn a_job_gets_its_own_copy_back_in_spite_of_its_lock_before_it_leaves_and_after_it_came_in() {
    for (state, away, expected) in
        [(JobState::Moving, false, 3), (JobState::Closed, true, 2), (JobState::Learning, false, 3)]
    {
        let (mut world, gpid) = healthy(4, 1, 3);
        let job = Uuid::from_u128(9);
        let deadline_ms = world.now.wall_ms + 3_600_000;
        let moving = away.then_some(MovingRequest { job, deadline_ms, hand_back: false });
        let config = world.config(gpid).clone();
        let member = config.secondaries[0];
        let lock = world.cluster.lock(gpid, job, world.now).unwrap().unwrap();
        world.apply(vec![lock]);
        let mut heartbeat = world.heartbeat(member.peer.0);
        heartbeat.jobs = vec![Job { node: member.peer, state, ..super::requests::job(9) }];
        let records = world.cluster.consequences(&heartbeat);
        world.apply(records);
        world.says.insert((member.peer, gpid), Some(idle(gpid, member.incarnation.0)));
        world.change(config.primary.unwrap().peer.0, gpid, &ConfigChange::Drop { member, moving });
        world.round();
        world.says.clear();
        world.rounds(40);
        assert_eq!(world.config(gpid).member_count(), expected, "a job in {state}");
        assert!(world.config(gpid).members().all(|m| config.is_member(m.peer)), "no other node was given a copy");
    }
}

#[test]
fn after_all_processes_restart_a_clean_member_is_appointed() {
    let (mut world, gpid) = healthy(3, 1, 3);
    let config = world.config(gpid).clone();
    for member in config.members() {
        world.register(member.peer.0, 200 + u128::from(member.peer.0), true);
        let prepared = Decree(10 + member.peer.0);
        let report = ReplicaReport { prepared, ballot: config.ballot, ..idle(gpid, member.incarnation.0) };
        world.says.insert((member.peer, gpid), Some(report));
    }
    world.beat();
    let primary = config.copy_on(PeerId(2)).unwrap();
    assert_eq!(
        world.proposals(),
        [Proposal { gpid, expected: config.ballot, cure: Cure::Change(ConfigChange::Appoint { primary }) }]
    );
}

#[test]
fn a_silent_primary_is_never_moved_by_the_meta_server() {
    let (mut world, gpid) = healthy(3, 1, 3);
    let config = world.config(gpid).clone();
    world.down.insert(config.primary.unwrap().peer);
    world.rounds(100);
    assert_eq!(world.config(gpid).ballot, config.ballot);
}

#[test]
fn a_restarted_meta_server_waits_for_reports_before_it_appoints() {
    let (mut world, gpid) = healthy(3, 1, 3);
    let restarted = world.now.mono;
    let records = world.cluster.partitions.values().cloned().map(Record::from);
    let mut records: Vec<_> = records.chain([Record::Identity(world.cluster.identity())]).collect();
    records.extend(world.cluster.nodes().cloned().map(Record::Node));
    records.extend(world.cluster.tables.values().cloned().map(Record::Table));
    world.cluster = Cluster::load(records, restarted).unwrap();
    let follower = world.config(gpid).secondaries[0];
    world.says.insert((follower.peer, gpid), Some(idle(gpid, follower.incarnation.0)));
    let heartbeat = world.heartbeat(follower.peer.0);
    world.cluster.heard(&heartbeat, world.now.mono);
    assert!(world.proposals().is_empty());
    world.beat();
    assert!(world.proposals().is_empty());
}

#[test]
fn a_learner_on_a_lost_node_is_dropped_and_made_elsewhere() {
    let (mut world, gpid) = healthy(5, 1, 3);
    let config = world.config(gpid).clone();
    let (primary, dead) = (config.primary.unwrap().peer.0, config.secondaries[0]);
    world.down.insert(dead.peer);
    world.change(primary, gpid, &ConfigChange::Drop { member: dead, moving: None });
    world.rounds(31);
    world.says.remove(&(dead.peer, gpid));
    let learner = world.config(gpid).copies().find(|m| config.copy_on(m.peer).is_none()).unwrap();
    assert!(learner.incarnation > Incarnation(3));
    world.down.insert(learner.peer);
    if world.config(gpid).is_member(learner.peer) {
        world.change(primary, gpid, &ConfigChange::Drop { member: learner, moving: None });
    }
    world.rounds(70);
    assert!(world.all_healthy());
}

#[test]
fn a_restarted_learner_is_added_anew_on_the_same_node() {
    let (mut world, gpid) = healthy(4, 1, 3);
    let config = world.config(gpid).clone();
    let (primary, member) = (config.primary.unwrap().peer.0, config.secondaries[0]);
    world.change(primary, gpid, &ConfigChange::Drop { member, moving: None });
    let learner = |w: &World| w.config(gpid).copy_on(member.peer).unwrap();
    let step = |w: &mut World| {
        w.pass(std::time::Duration::from_secs(4));
        w.beat();
        for proposal in w.proposals() {
            let next = w.cluster.accept(&proposal, 0).unwrap();
            w.apply(vec![next.into()]);
        }
    };
    world.says.insert((member.peer, gpid), Some(idle(gpid, member.incarnation.0)));
    step(&mut world);
    let first = learner(&world);
    let restarted = ReplicaReport { ballot: world.config(gpid).ballot, ..idle(gpid, first.incarnation.0) };
    world.says.insert((member.peer, gpid), Some(restarted));
    step(&mut world);
    step(&mut world);
    assert!(learner(&world).incarnation > first.incarnation);
}

#[test]
fn a_learner_that_never_comes_to_be_is_made_elsewhere() {
    let (mut world, gpid) = healthy(4, 1, 3);
    let config = world.config(gpid).clone();
    let (primary, member) = (config.primary.unwrap().peer.0, config.secondaries[0]);
    world.says.insert((member.peer, gpid), None);
    world.change(primary, gpid, &ConfigChange::Drop { member, moving: None });
    let change = ConfigChange::AddLearner { peer: member.peer };
    let ballot = world.config(gpid).ballot;
    let verdict = world.cluster.decide(Requester::MetaServer, gpid, ballot, &change, 0).unwrap();
    let Verdict::Install(next) = verdict else { panic!("{verdict:?}") };
    world.apply(vec![next.into()]);
    world.pass(std::time::Duration::from_secs(31));
    world.beat();
    let learner = world.config(gpid).learners[0];
    let expected = Cure::Change(ConfigChange::Drop { member: learner, moving: None });
    assert_eq!(world.proposals().pop().map(|p| p.cure), Some(expected));
}

#[test]
fn a_node_on_which_learners_keep_failing_is_passed_over_for_another() {
    let (mut world, gpid) = healthy(4, 1, 3);
    let config = world.config(gpid).clone();
    let (primary, member) = (config.primary.unwrap().peer.0, config.secondaries[0]);
    let spare = world.cluster.nodes().map(|n| n.peer).find(|p| config.copy_on(*p).is_none()).unwrap();
    world.says.insert((member.peer, gpid), Some(idle(gpid, member.incarnation.0)));
    world.change(primary, gpid, &ConfigChange::Drop { member, moving: None });
    let mut added = Vec::new();
    while !added.contains(&spare) {
        assert!(added.len() < 10, "{added:?}");
        world.pass(std::time::Duration::from_secs(60));
        world.beat();
        let Some(proposal) = world.proposals().pop() else { continue };
        let next = world.cluster.accept(&proposal, 0).unwrap();
        let learner = next.config.learners.first().copied();
        world.apply(vec![next.into()]);
        if let Some(member) = learner {
            added.push(member.peer);
            world.change(primary, gpid, &ConfigChange::Drop { member, moving: None });
        }
    }
    assert_eq!(added[0], member.peer);
}

/// A partition whose learners are dropped as soon as they are added: how long each took to come after the one before, in
/// seconds.
pub(super) fn cures_in_vain(tries: usize) -> (World, Gpid, Vec<u64>) {
    let (mut world, gpid) = healthy(4, 1, 3);
    let config = world.config(gpid).clone();
    let (primary, member) = (config.primary.unwrap().peer.0, config.secondaries[0]);
    world.says.insert((member.peer, gpid), Some(idle(gpid, member.incarnation.0)));
    world.change(primary, gpid, &ConfigChange::Drop { member, moving: None });
    let mut waits = Vec::new();
    while waits.len() < tries {
        let since = world.now.wall_ms;
        while world.config(gpid).learners.is_empty() {
            world.pass(Duration::from_secs(1));
            world.beat();
            for proposal in world.proposals() {
                let next = world.cluster.accept(&proposal, world.now.wall_ms).unwrap();
                world.apply(vec![next.into()]);
            }
        }
        waits.push((world.now.wall_ms - since) / 1000);
        let member = world.config(gpid).learners[0];
        world.change(primary, gpid, &ConfigChange::Drop { member, moving: None });
    }
    (world, gpid, waits)
}

#[test]
fn copies_that_come_and_go_are_tried_ever_less_often_but_at_least_every_ten_minutes() {
    let (_, _, waits) = cures_in_vain(15);
    assert_eq!(waits, [1, 1, 1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
}

#[test]
fn nothing_is_added_while_the_primary_is_silent() {
    let (mut world, gpid) = healthy(4, 1, 3);
    let config = world.config(gpid).clone();
    let (primary, member) = (config.primary.unwrap(), config.secondaries[0]);
    world.change(primary.peer.0, gpid, &ConfigChange::Drop { member, moving: None });
    world.down.insert(primary.peer);
    world.rounds(6);
    let ballot = world.config(gpid).ballot;
    world.rounds(60);
    assert_eq!(world.config(gpid).ballot, ballot);
}

#[test]
fn a_node_without_room_gets_nothing() {
    let mut world = World::new(4);
    world.disk.insert(PeerId(0), DiskStatus::SpaceInsufficient);
    world.beat();
    world.create("t", 16, 3);
    world.rounds(8);
    assert!(world.all_healthy());
    assert!(world.cluster.live_partitions().all(|p| p.config.copy_on(PeerId(0)).is_none()));
}

#[test]
fn a_node_whose_disks_are_all_drained_gets_nothing() {
    let mut world = World::new(4);
    world.draining.insert(PeerId(0));
    world.beat();
    world.create("t", 16, 3);
    world.rounds(8);
    assert!(world.all_healthy());
    assert!(world.cluster.live_partitions().all(|p| p.config.copy_on(PeerId(0)).is_none()));
}

#[test]
fn a_ballot_never_given_freezes_the_partition() {
    let (mut world, gpid) = healthy(4, 1, 3);
    let config = world.config(gpid).clone();
    let strange = ReplicaReport { ballot: Ballot(99), ..idle(gpid, config.secondaries[0].incarnation.0) };
    world.says.insert((config.secondaries[0].peer, gpid), Some(strange));
    world.rounds(3);
    assert_eq!(world.partition(gpid).frozen, Some(Ballot(99)));
    let refused = world.cluster.decide(
        Requester::Peer(config.primary.unwrap().peer),
        gpid,
        config.ballot,
        &ConfigChange::HandOver { to: config.secondaries[1] },
        0,
    );
    assert!(refused.unwrap_err().hint.contains("recover"));
}
