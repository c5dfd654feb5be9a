//! Tests of the change function: any history of any requests keeps the invariants (which it asserts itself), and each
//! rule that could be bent is tried.

use common::types::{Gpid, SlotRange};
use proptest::prelude::*;

use super::*;
use crate::create_config;

const PRIMARY: Requester = Requester::Peer(PeerId(0));

fn new_config(replicas: u32) -> PartitionConfig {
    create_config(Gpid::new(1, 0), SlotRange { start: 0, end: 16383 }, replicas, PeerId(0))
}

fn step(config: &PartitionConfig, from: Requester, change: ConfigChange) -> Result<PartitionConfig, ChangeRefusal> {
    change_config(config, from, config.ballot, &change, 1_000)
}

fn led_by_0(replicas: u32) -> PartitionConfig {
    let config = new_config(replicas);
    let primary = config.learners[0];
    step(&config, Requester::MetaServer, ConfigChange::Appoint { primary }).unwrap()
}

/// Primary 0 and secondaries 1, 2, ….
fn with_members(replicas: u32, members: u64) -> PartitionConfig {
    (1..members).fold(led_by_0(replicas), |config, peer| {
        let added = step(&config, Requester::MetaServer, ConfigChange::AddLearner { peer: PeerId(peer) }).unwrap();
        let learner = added.learners[0];
        step(&added, PRIMARY, ConfigChange::Promote { learner }).unwrap()
    })
}

fn moving(job: u128) -> Option<MovingRequest> {
    Some(MovingRequest { job: Uuid::from_u128(job), deadline_ms: 5_000, hand_back: true })
}

#[test]
fn a_stale_ballot_changes_nothing() {
    let config = led_by_0(3);
    let change = ConfigChange::AddLearner { peer: PeerId(1) };
    let refusal = change_config(&config, Requester::MetaServer, Ballot(0), &change, 0).unwrap_err();
    assert_eq!(refusal, ChangeRefusal::BallotMismatch { expected: Ballot(0), present: Ballot(1) });
}

#[test]
fn a_disk_move_goes_out_and_comes_back_with_the_incarnation_it_was_given() {
    let config = with_members(3, 3);
    let member = config.secondaries[0];
    let out = step(&config, PRIMARY, ConfigChange::Drop { member, moving: moving(7) }).unwrap();
    let record = out.moving.unwrap();
    assert_eq!((record.peer, record.incarnation, out.is_member(PeerId(1))), (PeerId(1), Incarnation(4), false));
    let back = step(&out, Requester::Peer(PeerId(1)), ConfigChange::Rejoin { job: record.job }).unwrap();
    let learner = back.learners[0];
    assert_eq!(learner.incarnation, record.incarnation);
    assert!(back.moving.is_some());
    let done = step(&back, PRIMARY, ConfigChange::Promote { learner }).unwrap();
    assert!(done.moving.is_none() && done.is_healthy());
}

#[test]
fn a_disk_move_never_leaves_fewer_than_min_replicas() {
    let config = with_members(3, 2);
    let change = ConfigChange::Drop { member: config.secondaries[0], moving: moving(7) };
    assert_eq!(step(&config, PRIMARY, change), Err(ChangeRefusal::RedundancyTooLow { left: 1, needed: 2 }));
    let pair = with_members(2, 2);
    let change = ConfigChange::Drop { member: pair.secondaries[0], moving: moving(7) };
    assert!(step(&pair, PRIMARY, change).is_ok());
}

#[test]
fn a_dead_secondary_is_dropped_below_min_replicas() {
    let config = with_members(3, 2);
    let change = ConfigChange::Drop { member: config.secondaries[0], moving: None };
    assert_eq!(step(&config, PRIMARY, change).unwrap().member_count(), 1);
}

#[test]
fn the_only_copy_of_a_table_moves_as_its_own_last_copy() {
    let config = led_by_0(1);
    let member = config.primary.unwrap();
    let out = step(&config, PRIMARY, ConfigChange::Drop { member, moving: moving(7) }).unwrap();
    assert_eq!((out.primary, out.member_count()), (None, 0));
    let job = Uuid::from_u128(7);
    let moved = step(&out, PRIMARY, ConfigChange::Rejoin { job }).unwrap();
    assert_eq!(moved.primary.unwrap().incarnation, Incarnation(2));
    let restored = step(&out, PRIMARY, ConfigChange::EndMove { job }).unwrap();
    assert_eq!(restored.primary.unwrap().incarnation, Incarnation(3));
    let change = ConfigChange::Drop { member: led_by_0(3).primary.unwrap(), moving: moving(7) };
    assert!(step(&led_by_0(3), PRIMARY, change).is_err());
}

#[test]
fn a_take_over_is_for_oneself_and_removes_the_old_primary() {
    let config = with_members(3, 3);
    let by = config.secondaries[0];
    let change = ConfigChange::TakeOver { by };
    assert_eq!(step(&config, Requester::Peer(PeerId(2)), change.clone()), Err(ChangeRefusal::NotSelf));
    assert_eq!(step(&config, Requester::MetaServer, change.clone()), Err(ChangeRefusal::NotSelf));
    let next = step(&config, Requester::Peer(PeerId(1)), change).unwrap();
    assert_eq!((next.primary, next.consented, next.is_member(PeerId(0))), (Some(by), false, false));
}

#[test]
fn a_hand_over_keeps_every_member_and_is_consented() {
    let config = with_members(3, 3);
    let to = config.secondaries[1];
    let next = step(&config, PRIMARY, ConfigChange::HandOver { to }).unwrap();
    assert_eq!((next.primary, next.consented, next.member_count()), (Some(to), true, 3));
}

#[test]
fn an_appointment_without_consent_makes_the_new_primary_wait() {
    let config = with_members(3, 3);
    assert!(config.consented);
    let primary = config.secondaries[0];
    let next = step(&config, Requester::MetaServer, ConfigChange::Appoint { primary }).unwrap();
    assert_eq!((next.primary, next.consented, next.member_count()), (Some(primary), false, 3));
}

#[test]
fn the_meta_server_removes_learners_but_no_members() {
    let config = with_members(3, 2);
    let config = step(&config, Requester::MetaServer, ConfigChange::AddLearner { peer: PeerId(5) }).unwrap();
    let (learner, member) = (config.learners[0], config.secondaries[0]);
    let by_meta = |member| step(&config, Requester::MetaServer, ConfigChange::Drop { member, moving: None });
    assert!(by_meta(learner).is_ok());
    assert_eq!(by_meta(member), Err(ChangeRefusal::NotDroppable { member }));
}

#[test]
fn only_the_sitting_primary_changes_membership() {
    let config = with_members(3, 3);
    let member = config.secondaries[1];
    for change in [ConfigChange::Drop { member, moving: None }, ConfigChange::HandOver { to: member }] {
        assert_eq!(step(&config, Requester::Peer(PeerId(1)), change), Err(ChangeRefusal::NotPrimary));
    }
}

#[test]
fn a_mover_is_not_added_beside_its_own_move() {
    let config = with_members(3, 3);
    let member = config.secondaries[0];
    let out = step(&config, PRIMARY, ConfigChange::Drop { member, moving: moving(7) }).unwrap();
    let refusal = step(&out, Requester::MetaServer, ConfigChange::AddLearner { peer: PeerId(1) }).unwrap_err();
    assert_eq!(refusal, ChangeRefusal::MoveUnderWay { job: Uuid::from_u128(7) });
}

#[test]
fn a_deadline_far_ahead_is_cut() {
    let config = with_members(3, 3);
    let far = MovingRequest { job: Uuid::from_u128(7), deadline_ms: u64::MAX, hand_back: false };
    let change = ConfigChange::Drop { member: config.secondaries[0], moving: Some(far) };
    assert_eq!(step(&config, PRIMARY, change).unwrap().moving.unwrap().deadline_ms, 1_000 + MOVING_MS_MAX);
}

#[derive(Clone, Copy, Debug)]
struct Attempt {
    kind: u8,
    from: u64,
    target: u64,
    job: u8,
    stale: bool,
}

fn attempt() -> impl Strategy<Value = Attempt> {
    (0_u8..9, 0_u64..7, 0_u64..6, 0_u8..2, prop::bool::weighted(0.1))
        .prop_map(|(kind, from, target, job, stale)| Attempt { kind, from, target, job, stale })
}

fn change_of(config: &PartitionConfig, attempt: Attempt) -> ConfigChange {
    let peer = PeerId(attempt.target);
    let member = config.copy_on(peer).unwrap_or(Member { peer, incarnation: Incarnation(1) });
    let job = Uuid::from_u128(attempt.job.into());
    match attempt.kind {
        0 => ConfigChange::AddLearner { peer },
        1 => ConfigChange::Promote { learner: member },
        2 => ConfigChange::Drop { member, moving: None },
        3 => ConfigChange::Drop { member, moving: moving(attempt.job.into()) },
        4 => ConfigChange::HandOver { to: member },
        5 => ConfigChange::TakeOver { by: member },
        6 => ConfigChange::Appoint { primary: member },
        7 => ConfigChange::Rejoin { job },
        _ => ConfigChange::EndMove { job },
    }
}

proptest! {
    #[test]
    fn any_history_of_requests_keeps_the_invariants(
        replicas in 1_u32..5,
        attempts in prop::collection::vec(attempt(), 1..120),
    ) {
        let mut config = new_config(replicas);
        for attempt in attempts {
            let change = change_of(&config, attempt);
            let from = if attempt.from == 6 { Requester::MetaServer } else { Requester::Peer(PeerId(attempt.from)) };
            let expected = if attempt.stale { config.ballot.next() } else { config.ballot };
            let Ok(next) = change_config(&config, from, expected, &change, 0) else { continue };
            prop_assert!(!attempt.stale);
            // A member that stays never gets another incarnation, and membership grows by learners only.
            for member in next.members() {
                let known = config.copies().any(|m| m == member);
                prop_assert!(known || config.primary.is_none(), "{member} became a member from nowhere");
            }
            let removed = config.member_count() - next.member_count().min(config.member_count());
            prop_assert!(removed <= 1);
            let voluntary = next.moving.is_some() && config.moving.is_none();
            let lowers = next.member_count() < config.member_count();
            prop_assert!(!voluntary || !lowers || next.member_count() >= next.min_replicas() || replicas == 1);
            config = next;
        }
    }
}
