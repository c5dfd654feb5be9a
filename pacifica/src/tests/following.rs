//! A secondary: takes prepares, acknowledges what is durable, commits what the primary has committed.

use common::types::RefuseReason;

use super::*;
use crate::Health;

#[test]
fn acks_are_released_only_after_fsync() {
    let mut bench = Bench::secondary();
    let effects = bench.hear(0, prepare(5, 0, 0, vec![mutation(5, 1, "a")]));
    assert!(matches!(effects.as_slice(), [Effect::Append { .. }]), "{effects:?}");
    let effects = bench.durable();
    assert_eq!(acks(&effects), [1]);
    let Some(Effect::Send { after, .. }) = effects.first() else { panic!("{effects:?}") };
    assert_eq!(*after, AppendSeq(1));
}

#[test]
fn nothing_is_acknowledged_before_the_ballot_is_durable() {
    let mut bench = Bench::secondary();
    bench.step(Event::Config(Arc::new(config(6, &[0, 1, 2], &[]))));
    bench.hear(0, prepare(6, 0, 0, vec![mutation(6, 1, "a")]));
    assert_eq!(acks(&bench.durable()), Vec::<u64>::new());
    assert_eq!(acks(&bench.step(Event::BallotPersisted { ballot: Ballot(6) })), [1]);
}

#[test]
fn a_gap_is_not_acknowledged_past() {
    let mut bench = Bench::secondary();
    bench.hear(0, prepare(5, 0, 0, vec![mutation(5, 2, "b")]));
    assert_eq!(acks(&bench.durable()), Vec::<u64>::new());
    bench.hear(0, prepare(5, 0, 0, vec![mutation(5, 1, "a")]));
    assert_eq!(acks(&bench.durable()), [2]);
}

#[test]
fn a_prepare_that_is_known_already_is_acknowledged_again_and_not_logged_again() {
    let mut bench = Bench::secondary();
    let message = prepare(5, 0, 0, vec![mutation(5, 1, "a")]);
    bench.hear(0, message.clone());
    bench.durable();
    let effects = bench.hear(0, message);
    assert_eq!((acks(&effects), effects.len()), (vec![1], 1));
}

#[test]
#[should_panic(expected = "rule DECREES")]
fn one_decree_of_one_ballot_with_two_contents_breaks_an_invariant() {
    let mut bench = Bench::secondary();
    bench.hear(0, prepare(5, 0, 0, vec![mutation(5, 1, "a")]));
    bench.hear(0, prepare(5, 0, 0, vec![mutation(5, 1, "other")]));
}

#[test]
fn a_member_commits_what_is_committed_there_and_matched_here() {
    let mut bench = Bench::secondary();
    assert_eq!(applied(&bench.hear(0, prepare(5, 0, 3, vec![mutation(5, 1, "a")]))), [(1, vec![])]);
    assert_eq!(applied(&bench.hear(0, prepare(5, 0, 3, vec![mutation(5, 2, "b")]))), [(2, vec![])]);
}

#[test]
fn a_record_of_an_older_ballot_is_not_committed_until_it_was_sent_again() {
    let mut bench = Bench::secondary();
    bench.hear(0, prepare(5, 0, 0, vec![mutation(5, 1, "a"), mutation(5, 2, "b")]));
    bench.durable();
    bench.install(&config(6, &[0, 1, 2], &[]));
    assert_eq!(applied(&bench.hear(0, prepare(6, 1, 2, vec![]))), [(1, vec![])], "base vouches for 1 alone");
    assert_eq!(applied(&bench.hear(0, prepare(6, 1, 2, vec![mutation(6, 2, "b")]))), [(2, vec![])]);
}

#[test]
fn an_older_ballot_is_refused_and_told_of_the_newer() {
    let mut bench = Bench::secondary();
    let effects = bench.hear(2, prepare(4, 0, 0, vec![mutation(4, 1, "a")]));
    let refusal = Message::PrepareRefused { ballot: Ballot(5), reason: RefuseReason::StaleBallot };
    let config = Message::Config(Arc::new(config(5, &[0, 1, 2], &[])));
    assert_eq!(sent(&effects), [(2, &refusal), (2, &config)]);
}

#[test]
fn a_newer_ballot_is_refused_until_its_configuration_is_known() {
    let effects = Bench::secondary().hear(0, prepare(6, 0, 0, vec![]));
    let refusal = Message::PrepareRefused { ballot: Ballot(5), reason: RefuseReason::NoRole };
    assert_eq!(sent(&effects), [(0, &refusal)]);
}

#[test]
fn only_the_configured_primary_prepares() {
    let effects = Bench::secondary().hear(2, prepare(5, 0, 0, vec![mutation(5, 1, "a")]));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Append { .. })), "{effects:?}");
}

#[test]
fn a_message_to_another_incarnation_is_dropped() {
    let mut bench = Bench::secondary();
    let to = Member { incarnation: Incarnation(99), ..member(1) };
    let message = prepare(5, 0, 0, vec![mutation(5, 1, "a")]);
    let envelope = Envelope { gpid: GPID, from: member(0), to, message };
    assert_eq!(bench.step(Event::Message(Box::new(envelope))), []);
}

#[test]
fn a_full_disk_refuses_prepares_for_space_and_a_sick_one_asks_to_be_dropped() {
    let mut bench = Bench::secondary();
    bench.step(Event::Health(Health::NoSpace));
    let refused = |reason| Message::PrepareRefused { ballot: Ballot(5), reason };
    let effects = bench.hear(0, prepare(5, 0, 0, vec![mutation(5, 1, "a")]));
    assert_eq!(sent(&effects), [(0, &refused(RefuseReason::NoSpace))]);
    bench.step(Event::Health(Health::Sick));
    let effects = bench.hear(0, prepare(5, 0, 0, vec![mutation(5, 1, "a")]));
    assert_eq!(sent(&effects), [(0, &refused(RefuseReason::Unhealthy))]);
    assert_eq!(sent(&bench.pass(100)), [(0, &Message::AskDrop { moving: None })]);
    assert!(!bench.replica.grants(PeerId(0), Ballot(5)));
}

#[test]
fn a_full_disk_still_follows_the_commit_point() {
    let mut bench = Bench::secondary();
    bench.hear(0, prepare(5, 0, 0, vec![mutation(5, 1, "a")]));
    bench.durable();
    bench.step(Event::Health(Health::NoSpace));
    let effects = bench.hear(0, prepare(5, 0, 1, vec![]));
    assert_eq!((applied(&effects), acks(&effects)), (vec![(1, vec![])], vec![1]));
}

#[test]
fn a_failed_append_ends_preparing() {
    let mut bench = Bench::secondary();
    bench.hear(0, prepare(5, 0, 0, vec![mutation(5, 1, "a")]));
    bench.step(Event::AppendFailed);
    let effects = bench.hear(0, prepare(5, 0, 0, vec![mutation(5, 1, "a")]));
    let refused = Message::PrepareRefused { ballot: Ballot(5), reason: RefuseReason::Unhealthy };
    assert_eq!(sent(&effects), [(0, &refused)]);
}
