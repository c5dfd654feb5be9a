//! Writes: prepared on every member, committed once all have them durably, answered exactly once.

use super::*;
use crate::{Health, Refusal};

#[test]
fn a_write_is_appended_and_sent_in_one_step_to_every_member() {
    let mut bench = Bench::primary(&[0, 1, 2], &[]);
    let effects = bench.write(7);
    let Some(Effect::Append { mutation, .. }) = effects.first() else { panic!("{effects:?}") };
    assert_eq!((mutation.ballot, mutation.decree), (Ballot(5), Decree(2)));
    assert_eq!(prepares(&effects), [(1, vec![2]), (2, vec![2])]);
    assert_eq!(effects.len(), 3, "nothing else: {effects:?}");
}

#[test]
fn a_write_commits_only_when_every_member_and_the_own_log_have_it() {
    let mut bench = Bench::primary(&[0, 1, 2], &[]);
    bench.write(7);
    assert_eq!(applied(&bench.hear(1, ack(5, 2))), []);
    assert_eq!(applied(&bench.hear(2, ack(5, 2))), [], "the own fsync is missing");
    assert_eq!(applied(&bench.durable()), [(2, vec![7])]);
}

#[test]
fn an_acknowledgement_of_an_older_ballot_counts_for_nothing() {
    let mut bench = Bench::primary(&[0, 1], &[]);
    bench.write(7);
    bench.durable();
    assert_eq!(applied(&bench.hear(1, ack(4, 2))), []);
    assert_eq!(applied(&bench.hear(1, ack(5, 2))), [(2, vec![7])]);
}

#[test]
fn writes_that_arrive_while_one_is_on_the_wire_travel_as_one_mutation() {
    let mut bench = Bench::primary(&[0, 1], &[]);
    bench.write(1);
    bench.durable();
    assert_eq!(bench.write(2), []);
    assert_eq!(bench.write(3), []);
    assert_eq!(bench.replica.next_decree(), Decree(3), "the decree of a waiting write is known");
    let effects = bench.hear(1, ack(5, 2));
    assert_eq!(applied(&effects), [(2, vec![1])]);
    assert_eq!(prepares(&effects), [(1, vec![3])]);
    bench.durable();
    assert_eq!(applied(&bench.hear(1, ack(5, 3))), [(3, vec![2, 3])]);
}

#[test]
fn gathered_writes_share_the_first_mutation() {
    let options = Options { gather: true, ..Options::default() };
    let mut bench = Bench::primary_with(&[0, 1], &[], options, Faults::default());
    assert_eq!(bench.write(1), []);
    assert_eq!(bench.write(2), []);
    assert_eq!(prepares(&bench.step(Event::Gathered)), [(1, vec![2])]);
    bench.durable();
    assert_eq!(applied(&bench.hear(1, ack(5, 2))), [(2, vec![1, 2])]);
}

#[test]
fn a_full_batch_goes_out_beside_the_one_in_flight_up_to_the_limit() {
    let options = Options { batch_writes: 2, max_in_flight: 2, ..Options::default() };
    let mut bench = Bench::primary_with(&[0, 1], &[], options, Faults::default());
    assert_eq!(prepares(&bench.write(1)).len(), 1);
    assert_eq!(prepares(&bench.write(2)).len(), 0);
    assert_eq!(prepares(&bench.write(3)), [(1, vec![3])], "full");
    bench.write(4);
    assert_eq!(prepares(&bench.write(5)).len(), 0, "two are in flight");
    assert_eq!(bench.replica.next_decree(), Decree(5));
}

#[test]
fn a_queue_that_is_full_says_busy() {
    let options = Options { queue_writes: 1, ..Options::default() };
    let mut bench = Bench::primary_with(&[0, 1], &[], options, Faults::default());
    bench.write(1);
    bench.write(2);
    assert_eq!(answers(&bench.write(3)), [(3, Answer::Refused(Refusal::Busy))]);
}

#[test]
fn too_few_members_refuse_writes_and_still_read() {
    let mut bench = Bench::primary(&[0], &[]);
    assert_eq!(answers(&bench.write(1)), [(1, Answer::Refused(Refusal::TooFewMembers))]);
    assert_eq!(bench.replica.read_until(), Some(Time(u64::MAX)));
}

#[test]
fn a_copy_that_does_not_lead_refuses_as_not_primary() {
    assert_eq!(answers(&Bench::secondary().write(1)), [(1, Answer::Refused(Refusal::NotPrimary))]);
    assert_eq!(answers(&Bench::new(0).barrier(1, 0)), [(1, Answer::Refused(Refusal::NotPrimary))]);
}

#[test]
fn a_lost_role_leaves_what_has_a_decree_unknown_and_refuses_the_rest() {
    let mut bench = Bench::primary(&[0, 1], &[]);
    bench.write(1);
    bench.write(2);
    bench.barrier(3, 2);
    let effects = bench.install(&config(6, &[1], &[]));
    let refused = Answer::Refused(Refusal::NotPrimary);
    assert_eq!(answers(&effects), [(1, Answer::OutcomeUnknown), (2, refused), (3, refused)]);
    assert!(effects.contains(&Effect::Truncated { after: Decree(2) }), "the overlay forgets what waited");
}

#[test]
fn a_failed_append_leaves_the_outcome_unknown_and_hands_over() {
    let mut bench = Bench::primary(&[0, 1, 2], &[]);
    bench.write(1);
    bench.write(2);
    let effects = bench.step(Event::AppendFailed);
    let refused = Answer::Refused(Refusal::Unhealthy);
    assert_eq!(answers(&effects), [(1, Answer::OutcomeUnknown), (2, refused)]);
    assert_eq!(changes(&effects), [ConfigChange::HandOver { to: member(1) }]);
    assert_eq!(bench.replica.roster(), []);
}

#[test]
fn a_full_disk_refuses_writes_and_still_reads() {
    let mut bench = Bench::primary(&[0, 1], &[]);
    bench.step(Event::Health(Health::NoSpace));
    assert_eq!(answers(&bench.write(1)), [(1, Answer::Refused(Refusal::Unhealthy))]);
    assert!(bench.replica.read_until().is_some());
    bench.step(Event::Health(Health::Well));
    assert_eq!(answers(&bench.write(2)), []);
}

#[test]
fn unanswered_prepares_are_sent_again() {
    let mut bench = Bench::primary(&[0, 1], &[]);
    bench.write(1);
    assert_eq!(prepares(&bench.pass(200)), []);
    assert_eq!(prepares(&bench.pass(100)), [(1, vec![2])]);
}

#[test]
fn an_idle_member_hears_the_commit_point_within_200_ms() {
    let mut bench = Bench::primary(&[0, 1], &[]);
    bench.pass(200);
    bench.write(1);
    bench.durable();
    bench.hear(1, ack(5, 2));
    let effects = bench.pass(200);
    let told: Vec<u64> = sent(&effects)
        .iter()
        .filter_map(|(_, message)| if let Message::Prepare(p) = message { Some(p.committed.0) } else { None })
        .collect();
    assert_eq!(told, [2], "once, and nothing more");
}

#[test]
fn a_conditional_write_that_writes_nothing_waits_for_what_it_saw() {
    let mut bench = Bench::primary(&[0, 1], &[]);
    bench.write(1);
    bench.durable();
    assert_eq!(answers(&bench.barrier(2, 2)), []);
    assert_eq!(answers(&bench.barrier(3, 1)), [(3, Answer::ReadReady)]);
    let effects = bench.hear(1, ack(5, 2));
    assert_eq!(answers(&effects), [(2, Answer::ReadReady)]);
    assert!(matches!(effects.first(), Some(Effect::Apply { .. })), "applied before it is answered");
}

#[test]
fn a_barrier_without_a_lease_is_refused() {
    let mut bench = Bench::primary(&[0, 1], &[]);
    bench.now = bench.now + Duration::from_millis(2500);
    assert_eq!(answers(&bench.barrier(1, 1)), [(1, Answer::Refused(Refusal::NotServing))]);
}

#[test]
fn mutation_time_never_falls() {
    let mut bench = Bench::primary(&[0], &[]);
    let mut config = config(6, &[0], &[]);
    config.replica_count = 1;
    bench.install(&config);
    bench.durable();
    let time_of = |effects: &[Effect]| match effects.first() {
        Some(Effect::Append { mutation, .. }) => mutation.time_ms,
        other => panic!("{other:?}"),
    };
    let first = time_of(&bench.write(1));
    bench.durable();
    bench.now = Time(START.0 / 2);
    assert_eq!(time_of(&bench.write(2)), first);
}
