//! What a primary says of itself to its node.

use super::*;
use crate::effect::Refusal;

#[test]
fn the_roster_names_members_and_learners_at_the_present_ballot() {
    let bench = Bench::primary(&[0, 1, 2], &[3]);
    assert_eq!(bench.replica.roster(), [(PeerId(1), Ballot(5)), (PeerId(2), Ballot(5)), (PeerId(3), Ballot(5))]);
}

#[test]
fn a_primary_goes_on_while_nobody_answers_its_proposals() {
    let mut bench = Bench::primary(&[0, 1, 2], &[]);
    bench.hear(2, Message::AskDrop { moving: None });
    bench.write(1);
    bench.durable();
    bench.hear(1, ack(5, 2));
    assert_eq!(applied(&bench.hear(2, ack(5, 2))), [(2, vec![1])]);
}

#[test]
fn a_learner_whose_last_acknowledgement_was_lost_is_asked_again_though_nothing_is_written() {
    let mut bench = Bench::primary(&[0, 1], &[3]);
    bench.grant(3, 5);
    bench.hear(3, ack(5, 0));
    assert_eq!(
        prepares(&bench.pass(400)),
        [(1, vec![]), (3, vec![]), (3, vec![])],
        "the commit point, then a question"
    );
    assert_eq!(changes(&bench.hear(3, ack(5, 1))), [ConfigChange::Promote { learner: member(3) }]);
}

#[test]
fn a_secondary_that_hears_of_a_wish_passes_it_on() {
    let mut bench = Bench::secondary();
    let effects = bench.step(Event::HandOver { to: Some(member(1)) });
    assert_eq!(sent(&effects), [(0, &Message::AskHandOver { to: member(1) })]);
}

#[test]
fn a_wish_for_a_copy_that_is_none_is_ignored() {
    let mut bench = Bench::primary(&[0, 1], &[]);
    bench.step(Event::HandOver { to: Some(member(3)) });
    bench.install(&config(6, &[0, 1, 3], &[]));
    assert_eq!(changes(&bench.hear(3, ack(6, 1))), []);
}

#[test]
fn a_wish_for_a_learner_waits_until_it_is_a_member_that_answers_and_writes_go_on_until_then() {
    let mut bench = Bench::primary(&[0, 1], &[3]);
    bench.step(Event::HandOver { to: Some(member(3)) });
    assert_eq!(answers(&bench.write(1)), []);
    bench.durable();
    bench.install(&config(6, &[0, 1, 3], &[]));
    bench.durable();
    bench.hear(1, ack(6, 2));
    bench.grant(3, 6);
    assert_eq!(answers(&bench.write(2)), [], "the new member has answered nothing yet");
    let effects = bench.hear(3, ack(6, 2));
    assert_eq!(applied(&effects), [(2, vec![1])]);
    assert_eq!(answers(&bench.write(3)), [(3, Answer::Refused(Refusal::NotServing))]);
    bench.durable();
    bench.hear(1, ack(6, 3));
    assert_eq!(changes(&bench.hear(3, ack(6, 3))), [ConfigChange::HandOver { to: member(3) }]);
}

#[test]
fn writes_go_on_beside_a_wish_whose_successor_never_comes_and_the_wish_is_forgotten() {
    let mut bench = Bench::primary(&[0, 1], &[3]);
    bench.step(Event::HandOver { to: Some(member(3)) });
    for token in 1..=8 {
        bench.pass(400);
        bench.grant(1, 5);
        assert_eq!(answers(&bench.write(token)), []);
        bench.durable();
        assert_eq!(changes(&bench.hear(1, ack(5, 1 + token))), []);
    }
    bench.install(&config(6, &[0, 1, 3], &[]));
    bench.grant(3, 6);
    assert_eq!(changes(&bench.hear(3, ack(6, 9))), []);
}

#[test]
fn effects_of_a_step_are_added_behind_what_the_caller_has() {
    let mut bench = Bench::primary(&[0, 1], &[]);
    let mut out = vec![Effect::StopLearn];
    let event = Event::Write { token: Token(1), writes: writes("a") };
    bench.replica.step(Now { mono: bench.now, wall_ms: 0 }, event, &mut out);
    assert!(matches!(out.as_slice(), [Effect::StopLearn, Effect::Append { .. }, Effect::Send { .. }]));
}
