//! The rule OPENING, and what a new primary does before it serves.

use super::*;
use crate::Refusal;

/// A copy that was secondary at ballot 5, holds 1..=3 of which 1 is committed, and is made primary at ballot 6.
fn taken_over(consented: bool) -> (Bench, Vec<Effect>) {
    let mut bench = Bench::secondary();
    let tail = vec![mutation(5, 1, "a"), mutation(5, 2, "b"), mutation(5, 3, "c")];
    bench.hear(0, prepare(5, 0, 1, tail));
    bench.durable();
    let effects = bench.install(&PartitionConfig { consented, ..config(6, &[1, 2], &[]) });
    (bench, effects)
}

fn appended(effects: &[Effect]) -> Vec<(u64, u64)> {
    let appended = effects.iter().filter_map(|effect| match effect {
        Effect::Append { mutation, .. } => Some((mutation.ballot.0, mutation.decree.0)),
        _ => None,
    });
    appended.collect()
}

#[test]
fn a_new_primary_prepares_its_tail_again_and_opens_with_a_marker() {
    let (_, effects) = taken_over(true);
    assert_eq!(appended(&effects), [(6, 2), (6, 3), (6, 4)]);
    assert_eq!(prepares(&effects), [(2, vec![2, 3, 4])]);
    let Some((_, Message::Prepare(prepare))) = sent(&effects).into_iter().next_back() else { panic!() };
    assert_eq!(prepare.base, Decree(1));
    assert_eq!(prepare.mutations[2].body, Body::Opening { after: Decree(3), by: prepare.ballot });
}

#[test]
fn nothing_is_said_under_a_ballot_that_is_not_durable() {
    let mut bench = Bench::secondary();
    let effects = bench.step(Event::Config(Arc::new(config(6, &[1, 2], &[]))));
    assert!(effects.contains(&Effect::PersistBallot { ballot: Ballot(6) }));
    assert_eq!((appended(&effects), prepares(&effects)), (vec![], vec![]));
}

#[test]
fn a_new_primary_serves_only_after_its_marker_commits() {
    let (mut bench, _) = taken_over(true);
    assert_eq!(answers(&bench.write(1)), [(1, Answer::Refused(Refusal::NotServing))]);
    bench.grant(2, 6);
    bench.durable();
    assert_eq!(bench.replica.read_until(), None);
    assert_eq!(applied(&bench.hear(2, ack(6, 3))), [(2, vec![]), (3, vec![])]);
    assert_eq!(bench.replica.read_until(), None);
    assert_eq!(applied(&bench.hear(2, ack(6, 4))), [(4, vec![])]);
    assert!(bench.replica.read_until().is_some());
}

#[test]
fn without_consent_a_new_primary_waits_for_its_own_grace_before_it_commits() {
    let (mut bench, _) = taken_over(false);
    bench.durable();
    bench.grant(2, 6);
    assert_eq!(applied(&bench.hear(2, ack(6, 4))), []);
    let before = bench.pass(2900);
    assert_eq!(applied(&before), []);
    bench.grant(2, 6);
    assert_eq!(applied(&bench.pass(100)).len(), 3);
    assert!(bench.replica.is_serving());
}

#[test]
fn a_late_answer_to_a_beacon_of_the_old_primary_makes_the_wait_longer() {
    let mut bench = Bench::secondary();
    bench.pass(2000);
    bench.step(Event::BeaconAnswered { primary: PeerId(0), at: bench.now });
    bench.install(&PartitionConfig { consented: false, ..config(6, &[1], &[]) });
    bench.durable();
    assert_eq!(applied(&bench.pass(2900)), []);
    assert_eq!(applied(&bench.pass(100)), [(1, vec![])]);
}

#[test]
fn an_opening_voids_older_records_past_it() {
    let mut bench = Bench::secondary();
    let stale = vec![mutation(5, 1, "a"), mutation(5, 2, "b"), mutation(5, 3, "c")];
    bench.hear(0, prepare(5, 0, 0, stale));
    bench.durable();
    bench.install(&config(6, &[2, 1], &[]));
    let effects = bench.hear(2, prepare(6, 0, 0, vec![mutation(6, 1, "a"), opening(6, 2)]));
    assert!(effects.contains(&Effect::Truncated { after: Decree(1) }), "{effects:?}");
    assert_eq!(bench.replica.prepared(), Decree(2));
}

#[test]
fn an_opening_prepared_again_under_a_newer_ballot_voids_nothing_of_the_ballots_between() {
    let mut bench = Bench::secondary();
    bench.hear(0, prepare(5, 0, 0, vec![opening(5, 1), mutation(5, 2, "a"), mutation(5, 3, "b")]));
    bench.durable();
    bench.install(&config(6, &[2, 1], &[]));
    let again = Mutation { ballot: Ballot(6), ..Mutation::clone(&opening(5, 1)) };
    let effects = bench.hear(2, prepare(6, 0, 0, vec![Arc::new(again)]));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Truncated { .. })), "{effects:?}");
    assert_eq!(bench.replica.prepared(), Decree(3), "what was acknowledged under ballot 5 is still there");
}

#[test]
fn an_opening_never_voids_what_is_committed() {
    let mut bench = Bench::secondary();
    bench.hear(0, prepare(5, 0, 2, vec![mutation(5, 1, "a"), mutation(5, 2, "b"), mutation(5, 3, "c")]));
    bench.install(&config(6, &[2, 1], &[]));
    let effects = bench.hear(2, prepare(6, 0, 0, vec![mutation(6, 1, "a"), mutation(6, 2, "b"), opening(6, 3)]));
    assert_eq!(bench.replica.committed(), Decree(2));
    assert!(effects.contains(&Effect::Truncated { after: Decree(2) }));
}

#[test]
fn a_primary_that_stays_prepares_its_tail_again_without_a_marker() {
    let mut bench = Bench::primary(&[0, 1], &[]);
    bench.write(1);
    bench.write(2);
    let effects = bench.install(&config(6, &[0, 1], &[3]));
    assert_eq!(appended(&effects), [(6, 2)]);
    assert_eq!(answers(&effects), [], "clients go on waiting");
    bench.durable();
    let effects = bench.hear(1, ack(6, 2));
    assert_eq!(applied(&effects), [(2, vec![1])]);
    assert_eq!(prepares(&effects), [(1, vec![3]), (3, vec![3])], "what waited goes out under the new ballot");
}

#[test]
fn the_first_primary_of_a_partition_waits_for_nobody() {
    let mut bench = Bench::new(0);
    bench.install(&PartitionConfig { primary: None, ..config(0, &[], &[0]) });
    assert_eq!(bench.replica.status(), ReplicaStatus::Learner);
    bench.install(&PartitionConfig { consented: false, ..config(1, &[0], &[]) });
    assert_eq!(applied(&bench.durable()), [(1, vec![])]);
    assert!(bench.replica.is_serving());
}
