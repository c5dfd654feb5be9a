//! The rule UNION: one proposal at a time, and until its outcome is known the union of old and new members counts.

use super::*;
use crate::{Health, Refusal};

fn promote() -> ConfigChange {
    ConfigChange::Promote { learner: member(3) }
}

/// A primary whose learner has just been proposed for promotion.
fn promoting(faults: Faults) -> (Bench, RequestId) {
    let mut bench = Bench::primary_with(&[0, 1], &[3], Options::default(), faults);
    bench.grant(3, 5);
    let effects = bench.hear(3, ack(5, 1));
    let [(request, change)] = proposals(&effects).try_into().unwrap();
    assert_eq!(change, promote());
    (bench, request)
}

#[test]
fn a_learner_is_promoted_only_when_nothing_is_missing_and_its_lease_is_held() {
    let mut bench = Bench::primary(&[0, 1], &[3]);
    assert_eq!(changes(&bench.hear(3, ack(5, 0))), []);
    assert_eq!(changes(&bench.hear(3, ack(5, 1))), [], "no lease yet");
    assert_eq!(changes(&bench.grant(3, 5)), [promote()]);
}

#[test]
fn from_the_proposal_on_the_new_member_is_waited_for() {
    let (mut bench, _) = promoting(Faults::default());
    bench.write(1);
    bench.durable();
    assert_eq!(applied(&bench.hear(1, ack(5, 2))), []);
    assert_eq!(applied(&bench.hear(3, ack(5, 2))), [(2, vec![1])]);
}

#[test]
fn from_the_proposal_on_the_new_members_lease_counts() {
    let (mut bench, _) = promoting(Faults::default());
    let granted = bench.now;
    bench.now = bench.now + Duration::from_millis(300);
    bench.grant(1, 5);
    assert_eq!(bench.replica.read_until(), Some(granted + Duration::from_millis(2500)));
}

#[test]
fn a_member_to_be_dropped_counts_until_the_outcome_is_known() {
    let mut bench = Bench::primary(&[0, 1, 2], &[]);
    bench.write(1);
    bench.durable();
    bench.hear(1, ack(5, 2));
    let drop = ConfigChange::Drop { member: member(2), moving: None };
    assert_eq!(changes(&bench.hear(2, Message::AskDrop { moving: None })), [drop]);
    bench.pass(100);
    assert_eq!(bench.replica.committed(), Decree(1));
    bench.install(&config(6, &[0, 1], &[]));
    bench.durable();
    assert_eq!(applied(&bench.hear(1, ack(6, 2))), [(2, vec![1])]);
}

#[test]
fn a_timeout_is_not_an_outcome() {
    let (mut bench, _) = promoting(Faults::default());
    for _ in 0..100 {
        bench.grant(1, 5);
        assert_eq!(changes(&bench.pass(100)), [], "nothing else is proposed, whatever time passes");
    }
    bench.write(1);
    bench.durable();
    assert_eq!(applied(&bench.hear(1, ack(5, 2))), []);
}

#[test]
fn a_refusal_is_an_outcome_and_the_old_members_count_again() {
    let (mut bench, request) = promoting(Faults::default());
    bench.write(1);
    bench.durable();
    bench.hear(1, ack(5, 2));
    let effects = bench.step(Event::ChangeAnswered { request, config: None });
    assert_eq!(applied(&effects), [(2, vec![1])]);
}

#[test]
fn an_answer_to_another_proposal_is_no_outcome() {
    let (mut bench, request) = promoting(Faults::default());
    bench.write(1);
    bench.durable();
    bench.hear(1, ack(5, 2));
    let effects = bench.step(Event::ChangeAnswered { request: RequestId(request.0 + 1), config: None });
    assert_eq!(applied(&effects), []);
}

#[test]
fn a_configuration_that_arrives_another_way_is_the_outcome_too() {
    let (mut bench, _) = promoting(Faults::default());
    bench.install(&config(6, &[0, 1, 3], &[]));
    bench.hear(1, ack(6, 1));
    bench.hear(3, ack(6, 1));
    assert!(bench.replica.read_until().is_some(), "leases survive the ballot of one tenure");
    assert_eq!(changes(&bench.hear(1, Message::AskDrop { moving: None })).len(), 1);
}

#[test]
fn a_hand_over_waits_for_what_is_in_flight_and_then_stops_everything() {
    let mut bench = Bench::primary(&[0, 1, 2], &[]);
    bench.write(1);
    bench.durable();
    bench.hear(1, ack(5, 2));
    assert_eq!(changes(&bench.step(Event::HandOver { to: Some(member(2)) })), []);
    assert_eq!(answers(&bench.write(2)), [(2, Answer::Refused(Refusal::NotServing))]);
    assert!(bench.replica.read_until().is_some(), "reads go on until it is proposed");
    let effects = bench.hear(2, ack(5, 2));
    assert_eq!(applied(&effects), [(2, vec![1])]);
    assert_eq!(changes(&effects), [ConfigChange::HandOver { to: member(2) }]);
    assert_eq!(bench.replica.read_until(), None);
}

#[test]
fn having_proposed_a_hand_over_it_commits_nothing_until_that_is_refused() {
    let mut bench = Bench::primary(&[0, 1], &[]);
    bench.write(1);
    bench.durable();
    bench.step(Event::HandOver { to: None });
    let effects = bench.pass(1000);
    let [(request, change)] = proposals(&effects).try_into().unwrap();
    assert_eq!(change, ConfigChange::HandOver { to: member(1) }, "it does not wait for ever");
    assert_eq!(applied(&bench.hear(1, ack(5, 2))), []);
    assert_eq!(applied(&bench.step(Event::ChangeAnswered { request, config: None })), [(2, vec![1])]);
    assert!(bench.replica.is_serving());
}

#[test]
fn a_hand_over_without_a_name_goes_to_the_most_advanced() {
    let mut bench = Bench::primary(&[0, 1, 2], &[]);
    bench.write(1);
    bench.durable();
    bench.hear(2, ack(5, 2));
    bench.step(Event::HandOver { to: None });
    assert_eq!(changes(&bench.pass(1000)), [ConfigChange::HandOver { to: member(2) }]);
}

#[test]
fn a_hand_over_that_was_done_and_undone_unseen_is_a_new_tenure() {
    let mut bench = Bench::primary(&[0, 1], &[]);
    assert_eq!(changes(&bench.step(Event::HandOver { to: None })).len(), 1);
    let effects = bench.install(&config(7, &[0, 1], &[]));
    assert_eq!(prepares(&effects), [(1, vec![2])], "it opens again");
    assert!(!bench.replica.is_serving());
}

#[test]
fn a_sick_primary_hands_over_and_leaves_the_roster() {
    let mut bench = Bench::primary(&[0, 1, 2], &[]);
    let effects = bench.step(Event::Health(Health::Sick));
    assert_eq!(changes(&effects), [ConfigChange::HandOver { to: member(1) }]);
    assert_eq!(bench.replica.roster(), []);
}

#[test]
fn who_no_longer_is_a_member_hears_of_it_from_the_primary() {
    let mut bench = Bench::primary(&[0, 1, 2], &[]);
    let next = config(6, &[0, 1], &[]);
    let effects = bench.install(&next);
    let config = Message::Config(Arc::new(next));
    let told: Vec<u64> = sent(&effects).iter().filter(|(_, m)| **m == config).map(|(to, _)| *to).collect();
    assert_eq!(told, [1, 2]);
}
