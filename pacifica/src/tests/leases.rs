//! Leases, graces, and the silence of members (rules LEASES, TAKE-OVER).

use common::types::RefuseReason;

use super::*;

fn drop_of(peer: u64) -> ConfigChange {
    ConfigChange::Drop { member: member(peer), moving: None }
}

#[test]
fn reads_need_a_lease_from_every_member() {
    let mut bench = Bench::primary(&[0, 1, 2], &[]);
    let granted = bench.now;
    bench.now = bench.now + Duration::from_millis(400);
    bench.grant(1, 5);
    let lease = Options::default().lease;
    assert_eq!(bench.replica.read_until(), Some(granted + lease));
    bench.grant(2, 5);
    assert_eq!(bench.replica.read_until(), Some(bench.now + lease));
}

#[test]
fn a_learner_that_has_answered_and_granted_nothing_is_worth_a_beacon() {
    let mut bench = Bench::primary(&[0, 1], &[]);
    bench.install(&config(6, &[0, 1], &[2]));
    assert!(!bench.replica.lacks_lease(), "it may not know the configuration yet");
    bench.hear(2, ack(6, 0));
    assert!(bench.replica.lacks_lease());
    bench.grant(2, 6);
    assert!(!bench.replica.lacks_lease());
}

#[test]
fn a_grant_to_another_copy_on_the_same_node_does_not_count() {
    let mut bench = Bench::primary(&[0, 1], &[]);
    let mut next = config(6, &[0], &[1]);
    next.learners[0].incarnation = Incarnation(50);
    bench.install(&next);
    bench.grant(1, 5);
    let mut promoted = config(7, &[0, 1], &[]);
    promoted.secondaries[0].incarnation = Incarnation(50);
    bench.install(&promoted);
    bench.durable();
    assert_eq!(bench.replica.read_until(), None);
    bench.grant(1, 6);
    assert!(bench.replica.read_until().is_some());
}

#[test]
fn a_member_whose_lease_is_lost_is_proposed_to_be_dropped() {
    let mut bench = Bench::primary(&[0, 1, 2], &[]);
    for _ in 0..24 {
        assert_eq!(changes(&bench.pass(100)), []);
        bench.grant(1, 5);
    }
    assert_eq!(changes(&bench.pass(200)), [drop_of(2)]);
}

#[test]
fn a_member_that_does_not_answer_prepares_is_proposed_to_be_dropped() {
    let mut bench = Bench::primary(&[0, 1, 2], &[]);
    bench.write(1);
    bench.hear(1, ack(5, 2));
    for _ in 0..29 {
        bench.grant(1, 5);
        bench.grant(2, 5);
        assert_eq!(changes(&bench.pass(100)), []);
    }
    bench.grant(1, 5);
    bench.grant(2, 5);
    assert_eq!(changes(&bench.pass(100)), [drop_of(2)]);
}

#[test]
fn a_member_without_space_is_proposed_to_be_dropped_at_once() {
    let mut bench = Bench::primary(&[0, 1, 2], &[]);
    let refusal = Message::PrepareRefused { ballot: Ballot(5), reason: RefuseReason::NoSpace };
    assert_eq!(changes(&bench.hear(2, refusal)), [drop_of(2)]);
}

#[test]
fn a_sick_primary_drops_nobody_for_leases_that_it_did_not_ask_for() {
    let mut bench = Bench::primary(&[0, 1, 2], &[]);
    let effects = bench.step(Event::Health(crate::Health::Sick));
    let [(request, _)] = proposals(&effects).try_into().unwrap();
    bench.step(Event::ChangeAnswered { request, config: None });
    bench.now = bench.now + Duration::from_secs(5);
    assert_eq!(changes(&bench.pass(2000)), []);
    bench.step(Event::Health(crate::Health::Well));
    assert_eq!(changes(&bench.pass(2500)), [], "a full round first");
    assert_eq!(changes(&bench.pass(100)), [drop_of(1)]);
}

#[test]
fn after_a_clock_jump_no_lease_is_held_and_nobody_is_dropped_for_a_round() {
    let mut bench = Bench::primary(&[0, 1, 2], &[]);
    let before = bench.now;
    bench.now = bench.now + Duration::from_secs(60);
    bench.step(Event::ClockJumped);
    assert_eq!(bench.replica.read_until(), None);
    let late = Event::LeaseGranted { by: PeerId(1), ballot: Ballot(5), sent_at: before };
    assert_eq!(changes(&bench.step(late)), []);
    assert_eq!(changes(&bench.pass(1000)), []);
    bench.grant(1, 5);
    bench.grant(2, 5);
    assert!(bench.replica.read_until().is_some());
}

#[test]
fn a_secondary_asks_to_lead_when_its_grace_has_run_out_and_not_before() {
    let mut bench = Bench::secondary();
    bench.pass(1000);
    bench.step(Event::BeaconAnswered { primary: PeerId(0), at: bench.now });
    assert_eq!(changes(&bench.pass(3000)), []);
    assert_eq!(changes(&bench.pass(100)), [ConfigChange::TakeOver { by: member(1) }]);
    assert_eq!(changes(&bench.pass(5000)), [], "once; the runtime repeats it");
}

#[test]
fn a_secondary_that_was_superseded_follows_what_was_answered() {
    let mut bench = Bench::secondary();
    let effects = bench.pass(3100);
    let [(request, _)] = proposals(&effects).try_into().unwrap();
    let config = Some(Arc::new(config(6, &[2, 1], &[])));
    bench.step(Event::ChangeAnswered { request, config });
    assert_eq!((bench.replica.status(), bench.replica.ballot()), (ReplicaStatus::Secondary, Ballot(6)));
    assert_eq!(changes(&bench.pass(2900)), [], "the new primary gets its time to be heard");
}

#[test]
fn a_refused_take_over_is_asked_again_after_a_pause() {
    let mut bench = Bench::secondary();
    let [(request, _)] = proposals(&bench.pass(3100)).try_into().unwrap();
    bench.step(Event::ChangeAnswered { request, config: None });
    assert_eq!(changes(&bench.pass(400)), []);
    assert_eq!(changes(&bench.pass(100)).len(), 1);
}

#[test]
fn an_entry_is_granted_only_to_the_configured_primary_at_this_ballot() {
    let bench = Bench::secondary();
    assert!(bench.replica.grants(PeerId(0), Ballot(5)));
    assert!(!bench.replica.grants(PeerId(0), Ballot(4)));
    assert!(!bench.replica.grants(PeerId(2), Ballot(5)));
    assert!(!Bench::primary(&[0, 1], &[]).replica.grants(PeerId(1), Ballot(5)));
    assert!(Bench::learner().replica.grants(PeerId(0), Ballot(5)), "learners grant before they are members");
}

#[test]
fn a_learner_that_is_never_heard_is_dropped_so_that_another_may_be_placed() {
    let mut bench = Bench::primary(&[0, 1], &[3]);
    let mut all = Vec::new();
    for _ in 0..121 {
        bench.grant(1, 5);
        all.extend(changes(&bench.pass(100)));
    }
    assert_eq!(all, [drop_of(3)]);
}
