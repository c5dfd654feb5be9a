//! Learners: nothing of their own past, nothing acknowledged that is not durable, nothing missing when promoted.

use super::*;

fn learned(ballot: u64, mutations: Vec<Arc<Mutation>>) -> Event {
    Event::Learned { ballot: Ballot(ballot), mutations }
}

fn starts(effects: &[Effect]) -> Vec<(u64, u64)> {
    let starts = effects.iter().filter_map(|effect| match effect {
        Effect::StartLearn { ballot, from, .. } => Some((ballot.0, from.0)),
        _ => None,
    });
    starts.collect()
}

#[test]
fn a_learner_drops_its_tail_and_fetches_from_what_it_has_committed() {
    let mut bench = Bench::restarted(3, 4, 1, vec![mutation(4, 2, "b"), mutation(4, 3, "c")]);
    let effects = bench.install(&config(5, &[0, 1, 2], &[3]));
    assert!(effects.contains(&Effect::Truncated { after: Decree(1) }));
    assert_eq!(starts(&effects), [(5, 2)]);
    assert_eq!(bench.replica.prepared(), Decree(1));
}

#[test]
fn what_is_learned_is_logged_and_applied_and_acknowledged_once_durable() {
    let mut bench = Bench::learner();
    bench.hear(0, prepare(5, 3, 3, vec![mutation(5, 4, "d")]));
    let effects = bench.step(learned(5, vec![mutation(2, 1, "a"), mutation(3, 2, "b"), mutation(5, 3, "c")]));
    assert_eq!(applied(&effects).len(), 3);
    assert_eq!(acks(&effects), Vec::<u64>::new());
    assert_eq!(acks(&bench.durable()), [4]);
}

#[test]
fn new_prepares_are_held_above_the_gap_and_not_acknowledged() {
    let mut bench = Bench::learner();
    bench.hear(0, prepare(5, 3, 3, vec![mutation(5, 1_000_000, "x")]));
    assert_eq!(acks(&bench.durable()), Vec::<u64>::new());
    assert_eq!(bench.replica.prepared(), Decree(0));
    bench.step(Event::CheckpointInstalled { ballot: Ballot(5), decree: Decree(999_999), time_ms: 1 });
    assert_eq!(bench.replica.prepared(), Decree(1_000_000));
    assert_eq!(acks(&bench.step(Event::LearnEnded { ballot: Ballot(5) })), [1_000_000]);
}

#[test]
fn a_learn_that_ended_short_begins_again_where_something_is_missing() {
    let mut bench = Bench::learner();
    bench.step(learned(5, vec![mutation(5, 1, "a")]));
    bench.step(Event::LearnEnded { ballot: Ballot(5) });
    assert_eq!(starts(&bench.pass(1000)), [], "nothing is known to be missing");
    assert_eq!(starts(&bench.hear(0, prepare(5, 0, 3, vec![]))), [(5, 2)]);
}

#[test]
fn a_learn_that_brought_something_is_followed_by_the_next_at_once() {
    let mut bench = Bench::learner();
    bench.hear(0, prepare(5, 3, 3, vec![]));
    bench.step(learned(5, vec![mutation(5, 1, "a")]));
    assert_eq!(starts(&bench.step(Event::LearnEnded { ballot: Ballot(5) })), [(5, 2)]);
}

#[test]
fn a_learn_that_brought_nothing_is_followed_by_a_pause() {
    let mut bench = Bench::learner();
    bench.hear(0, prepare(5, 3, 3, vec![]));
    assert_eq!(starts(&bench.step(Event::LearnEnded { ballot: Ballot(5) })), []);
    assert_eq!(starts(&bench.pass(1000)), [(5, 1)]);
}

#[test]
fn a_learn_of_another_name_is_void() {
    let mut bench = Bench::learner();
    assert_eq!(applied(&bench.step(learned(4, vec![mutation(4, 1, "a")]))), []);
    bench.step(Event::CheckpointInstalled { ballot: Ballot(4), decree: Decree(9), time_ms: 1 });
    assert_eq!(bench.replica.committed(), Decree(0));
}

#[test]
fn a_learn_goes_on_when_the_same_primary_gets_another_ballot() {
    let mut bench = Bench::learner();
    let effects = bench.install(&config(6, &[0, 1, 2], &[3, 4]));
    assert_eq!(starts(&effects), []);
    assert_eq!(applied(&bench.step(learned(5, vec![mutation(2, 1, "a")]))), [(1, vec![])]);
}

#[test]
fn under_another_primary_a_learner_drops_what_it_holds_and_asks_anew() {
    let mut bench = Bench::learner();
    bench.hear(0, prepare(5, 0, 0, vec![mutation(5, 1, "a")]));
    let effects = bench.install(&config(6, &[1, 2], &[3]));
    assert!(effects.contains(&Effect::Truncated { after: Decree(0) }));
    assert_eq!(starts(&effects), [(6, 1)]);
}

#[test]
fn a_promoted_learner_keeps_what_it_has_and_stops_fetching() {
    let mut bench = Bench::learner();
    bench.hear(0, prepare(5, 0, 0, vec![mutation(5, 1, "a")]));
    let effects = bench.install(&config(6, &[0, 1, 2, 3], &[]));
    assert!(effects.contains(&Effect::StopLearn));
    assert_eq!(bench.replica.prepared(), Decree(1));
}

#[test]
fn a_learner_holds_no_more_than_a_few_caches_of_prepares() {
    let options = Options { cache_bytes: 100, ..Options::default() };
    let mut bench = Bench::with(3, Boot { fresh: true, ..Boot::default() }, options, Faults::default());
    bench.install(&config(5, &[0, 1, 2], &[3]));
    let many = (10..30).map(|decree| mutation(5, decree, "x")).collect();
    let effects = bench.hear(0, prepare(5, 0, 0, many));
    let appends = effects.iter().filter(|effect| matches!(effect, Effect::Append { .. })).count();
    assert!((1..10).contains(&appends), "{appends}");
}

#[test]
fn the_cache_serves_committed_mutations_only_if_it_has_them_all() {
    let mut bench = Bench::primary(&[0, 1], &[]);
    bench.write(1);
    bench.durable();
    bench.hear(1, ack(5, 2));
    bench.write(2);
    let decrees =
        |from| bench.replica.cached(Decree(from)).map(|all| all.iter().map(|m| m.decree.0).collect::<Vec<_>>());
    assert_eq!(decrees(1), Some(vec![1, 2]));
    assert_eq!(decrees(3), Some(vec![]));
    assert_eq!(decrees(0), None);
}

#[test]
fn a_cache_that_is_limited_forgets_what_is_committed_and_nothing_else() {
    let mut bench = Bench::primary(&[0, 1], &[]);
    bench.write(1);
    bench.durable();
    bench.hear(1, ack(5, 2));
    bench.write(2);
    assert!(bench.replica.cached(Decree(2)).is_some());
    bench.replica.limit_cache(0);
    assert_eq!(bench.replica.cached(Decree(2)), None);
    assert_eq!(bench.replica.prepared(), Decree(3));
    bench.durable();
    bench.hear(1, ack(5, 3));
    assert_eq!(bench.replica.committed(), Decree(3));
}

#[test]
fn a_checkpoint_over_given_up_records_makes_a_learner_resign() {
    let mut bench = Bench::learner();
    bench.hear(0, prepare(5, 0, 0, vec![mutation(5, 8, "x")]));
    bench.install(&config(6, &[1, 2], &[3]));
    let installed = Event::CheckpointInstalled { ballot: Ballot(6), decree: Decree(5), time_ms: 1 };
    let effects = bench.step(installed);
    assert!(effects.contains(&Effect::RoleChanged { status: ReplicaStatus::Inactive, ballot: Ballot(6) }));
    let refusal = Message::PrepareRefused { ballot: Ballot(6), reason: common::types::RefuseReason::NoRole };
    assert_eq!(sent(&bench.hear(1, prepare(6, 5, 5, vec![]))), [(1, &refusal)]);
    assert_eq!(bench.replica.committed(), Decree(5), "the next incarnation begins here");
}
