//! What replay must take and what it must leave.

use common::types::{Writes, WritesBuilder};
use proptest::prelude::*;

use super::*;

const OWN: Incarnation = Incarnation(7);

fn put(ballot: u64, decree: u64) -> Arc<Mutation> {
    let mut writes = WritesBuilder::default();
    writes.put(format!("{decree}").as_bytes(), format!("{ballot}").as_bytes());
    record(ballot, decree, Body::Writes(writes.finish()))
}

fn opening(ballot: u64, after: u64) -> Arc<Mutation> {
    record(ballot, after + 1, Body::Opening { after: Decree(after), by: Ballot(ballot) })
}

fn record(ballot: u64, decree: u64, body: Body) -> Arc<Mutation> {
    Arc::new(Mutation { ballot: Ballot(ballot), decree: Decree(decree), time_ms: 0, body })
}

fn tail(after: u64, frames: &[(u64, Arc<Mutation>)]) -> Tail {
    let mut replay = Replay::new(OWN, Decree(after));
    for (committed, mutation) in frames {
        replay.frame(OWN, Decree(*committed), mutation.clone());
    }
    replay.finish()
}

fn ids(tail: &Tail) -> Vec<(u64, u64)> {
    tail.mutations.iter().map(|m| (m.ballot.0, m.decree.0)).collect()
}

#[test]
fn frames_of_another_incarnation_are_left() {
    let mut replay = Replay::new(OWN, Decree(4));
    replay.frame(OWN, Decree(4), put(3, 5));
    replay.frame(Incarnation(6), Decree(6), put(3, 6));
    let tail = replay.finish();
    assert_eq!(ids(&tail), [(3, 5)]);
    assert_eq!(tail.committed, Decree(4));
    assert!(!tail.gap);
}

#[test]
fn replay_stops_at_the_first_gap_and_says_so() {
    let tail = tail(4, &[(4, put(3, 5)), (5, put(3, 7))]);
    assert_eq!(ids(&tail), [(3, 5)]);
    assert_eq!((tail.committed, tail.gap), (Decree(5), true));
}

#[test]
fn a_committed_record_that_is_missing_is_a_gap() {
    let tail = tail(4, &[(6, put(3, 4))]);
    assert_eq!((tail.committed, tail.gap), (Decree(4), true));
}

#[test]
fn a_learner_may_have_logged_new_prepares_before_what_it_missed() {
    let tail = tail(4, &[(4, put(3, 7)), (4, put(2, 5)), (5, put(2, 6))]);
    assert_eq!(ids(&tail), [(2, 5), (2, 6), (3, 7)]);
    assert!(!tail.gap);
}

#[test]
fn a_record_prepared_again_replaces_the_older_one() {
    let tail = tail(4, &[(4, put(3, 5)), (4, put(3, 6)), (4, put(4, 5))]);
    assert_eq!(ids(&tail), [(4, 5), (3, 6)]);
    assert_eq!((tail.last_ballot, tail.highest_ballot), (Ballot(3), Ballot(4)));
}

#[test]
fn an_opening_voids_records_of_older_ballots_past_it() {
    let tail = tail(104, &[(104, put(5, 105)), (104, put(5, 106)), (104, put(5, 107)), (104, opening(6, 105))]);
    assert_eq!(ids(&tail), [(5, 105), (6, 106)]);
}

#[test]
fn an_opening_already_applied_still_voids_what_lies_past_it() {
    let tail = tail(106, &[(104, put(5, 107)), (104, opening(6, 105))]);
    assert_eq!(ids(&tail), []);
}

#[test]
fn an_opening_prepared_again_voids_nothing_of_the_ballots_between() {
    let again = record(9, 105, Body::Opening { after: Decree(104), by: Ballot(7) });
    let tail = tail(104, &[(104, opening(7, 104)), (104, put(7, 106)), (104, put(7, 107)), (104, again)]);
    assert_eq!(ids(&tail), [(9, 105), (7, 106), (7, 107)]);
}

#[test]
fn an_opening_never_voids_what_is_committed() {
    let tail = tail(104, &[(104, put(5, 105)), (105, put(5, 106)), (106, opening(6, 104))]);
    assert_eq!(ids(&tail), [(6, 105), (5, 106)]);
}

#[test]
fn two_records_of_one_ballot_and_decree_are_reported() {
    let other = record(3, 5, Body::Writes(Writes::default()));
    let tail = tail(4, &[(4, put(3, 5)), (4, other)]);
    assert_eq!(tail.conflict, Some((Ballot(3), Decree(5))));
}

#[derive(Clone, Debug)]
struct AnyFrame {
    own: bool,
    committed: u64,
    mutation: Arc<Mutation>,
}

fn any_frame() -> impl Strategy<Value = AnyFrame> {
    (any::<bool>(), 0_u64..12, 0_u64..12, 1_u64..5, any::<bool>()).prop_map(|(own, committed, decree, ballot, open)| {
        let mutation = if open && decree > 0 { opening(ballot, decree - 1) } else { put(ballot, decree) };
        AnyFrame { own, committed, mutation }
    })
}

proptest! {
    #[test]
    fn whatever_the_log_holds_the_tail_is_gap_free_and_its_own(
        after in 0_u64..6,
        frames in proptest::collection::vec(any_frame(), 0..40),
    ) {
        let mut replay = Replay::new(OWN, Decree(after));
        for frame in &frames {
            let incarnation = if frame.own { OWN } else { Incarnation(1) };
            replay.frame(incarnation, Decree(frame.committed), frame.mutation.clone());
        }
        let tail = replay.finish();
        let decrees: Vec<u64> = tail.mutations.iter().map(|m| m.decree.0).collect();
        let expected: Vec<u64> = (after + 1..=after + decrees.len() as u64).collect();
        prop_assert_eq!(&decrees, &expected);
        prop_assert!(tail.committed.0 >= after && tail.committed.0 <= after + decrees.len() as u64);
        for mutation in &tail.mutations {
            prop_assert!(frames.iter().any(|f| f.own && Arc::ptr_eq(&f.mutation, mutation)));
        }
    }

    #[test]
    fn an_undisturbed_log_is_replayed_whole(after in 0_u64..50, len in 0_u64..50, lag in 0_u64..5) {
        let frames: Vec<_> = (1..=after + len).map(|d| (d.saturating_sub(1 + lag), put(1, d))).collect();
        let tail = tail(after, &frames);
        prop_assert_eq!(tail.mutations.len() as u64, len);
        prop_assert!(!tail.gap && tail.conflict.is_none());
    }
}
