//! What a counter is: it begins at 0, every increment adds one and says where it is then.
//!
//! All answers name a place in one order: increments by what they answered, reads behind the increment that they saw. Numbers
//! that no increment answered belong to those of unknown outcome. That order is the truth, or there is none: nothing in it
//! may have been answered before something earlier in it was asked.

use super::record::{Answer, Kind, Operation, Outcome};

/// An answer's place in the order, and the stretch of time in which it became true.
struct Seen {
    value: u64,
    read: bool,
    called: u64,
    answered: u64,
}

/// The call of the operation whose answer cannot be explained, if there is one.
pub(super) fn unexplained(operations: &[Operation]) -> Option<u64> {
    let mut seen: Vec<Seen> = operations.iter().filter_map(answer).collect();
    seen.sort_by_key(|seen| (seen.value, seen.read, seen.called));
    twice(&seen).or_else(|| out_of_order(&seen)).or_else(|| done_by_nobody(operations, &seen))
}

fn answer(operation: &Operation) -> Option<Seen> {
    let Outcome::Answered(answered, Answer::Found(found)) = operation.outcome else { return None };
    let read = matches!(operation.kind, Kind::Get | Kind::Look { .. });
    // A look may tell what was so before it was called.
    Some(Seen { value: found.unwrap_or(0), read, called: operation.since(), answered })
}

/// Two increments that answered the same, or one that answered nothing.
fn twice(seen: &[Seen]) -> Option<u64> {
    let increments: Vec<&Seen> = seen.iter().filter(|seen| !seen.read).collect();
    let same = increments.windows(2).find_map(|pair| match pair {
        [one, two] if one.value == two.value => Some(two.called),
        _ => None,
    });
    same.or_else(|| increments.first().filter(|first| first.value == 0).map(|first| first.called))
}

/// One that was asked after something later in the order had been answered.
fn out_of_order(seen: &[Seen]) -> Option<u64> {
    let mut first_answer_behind = u64::MAX;
    let mut behind = seen.iter().rev().peekable();
    let mut same_place = u64::MAX;
    while let Some(one) = behind.next() {
        if one.called > first_answer_behind {
            return Some(one.called);
        }
        same_place = same_place.min(one.answered);
        // Reads of one value may come in any order.
        if behind.peek().is_none_or(|next| (next.value, next.read) != (one.value, one.read)) {
            first_answer_behind = first_answer_behind.min(same_place);
        }
    }
    None
}

/// The first that saw a number which no increment can have reached by then: numbers that nobody was told belong to
/// increments of unknown outcome, which must have been asked before.
fn done_by_nobody(operations: &[Operation], seen: &[Seen]) -> Option<u64> {
    let mut open: Vec<u64> = operations.iter().filter(|op| is_open(op)).map(|op| op.called).collect();
    open.sort_unstable();
    let (mut open, mut reached) = (open.into_iter(), 0);
    for (at, one) in seen.iter().enumerate() {
        let told = u64::from(!one.read);
        let untold = one.value.saturating_sub(told).saturating_sub(reached);
        reached = reached.max(one.value);
        if untold == 0 {
            continue;
        }
        let first = seen.iter().skip(at).min_by_key(|seen| seen.answered)?;
        for _ in 0..untold {
            if open.next().is_none_or(|called| called > first.answered) {
                return Some(first.called);
            }
        }
    }
    None
}

fn is_open(operation: &Operation) -> bool {
    operation.kind == Kind::Increment && operation.outcome == Outcome::Open
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(called: u64, until: u64, kind: Kind, outcome: Option<u64>) -> Operation {
        let outcome = outcome.map_or(Outcome::Open, |value| Outcome::Answered(until, Answer::Found(Some(value))));
        Operation { client: 0, key: 1, kind, called, called_ms: called, ended_ms: Some(until), outcome }
    }

    fn add(called: u64, until: u64, value: u64) -> Operation {
        op(called, until, Kind::Increment, Some(value))
    }

    fn read(called: u64, until: u64, value: u64) -> Operation {
        op(called, until, Kind::Get, Some(value))
    }

    fn lost(called: u64) -> Operation {
        op(called, called + 1, Kind::Increment, None)
    }

    #[test]
    fn increments_and_reads_that_overlap_may_come_in_any_order_that_their_answers_give() {
        assert_eq!(unexplained(&[add(1, 9, 2), add(2, 8, 1), read(3, 7, 1), read(4, 6, 2), read(10, 11, 2)]), None);
    }

    #[test]
    fn one_number_is_answered_once_and_none_is_skipped() {
        assert_eq!(unexplained(&[add(1, 2, 1), add(3, 4, 1)]), Some(3));
        assert_eq!(unexplained(&[add(1, 2, 1), add(3, 4, 3)]), Some(3));
        assert_eq!(unexplained(&[add(1, 2, 0)]), Some(1));
    }

    #[test]
    fn a_lost_increment_and_a_stale_read_are_caught() {
        assert_eq!(unexplained(&[add(1, 2, 1), read(3, 4, 0)]), Some(3));
        assert_eq!(unexplained(&[add(1, 2, 1), add(3, 4, 2), read(5, 6, 1)]), Some(5));
        assert_eq!(unexplained(&[add(1, 2, 2), add(3, 4, 1)]), Some(3));
    }

    #[test]
    fn a_look_may_miss_what_was_answered_after_its_place_and_nothing_before() {
        let look = |since| op(9, 10, Kind::Look { since }, Some(1));
        let history = |since| [add(1, 2, 1), add(3, 4, 2), look(since)];
        assert_eq!(unexplained(&history(3)), None);
        assert_eq!(unexplained(&history(5)), Some(5));
    }

    #[test]
    fn an_increment_of_unknown_outcome_fills_one_gap_and_only_after_it_was_asked() {
        assert_eq!(unexplained(&[lost(1), add(3, 4, 2), read(5, 6, 2)]), None);
        assert_eq!(unexplained(&[lost(1), add(3, 4, 1), read(5, 6, 2)]), None, "it may come late");
        assert_eq!(unexplained(&[lost(1), add(3, 4, 1), read(5, 6, 1)]), None, "or never");
        assert_eq!(unexplained(&[lost(1), add(3, 4, 3)]), Some(3), "but not twice");
        assert_eq!(unexplained(&[add(3, 4, 2), lost(5), read(7, 8, 2)]), Some(3), "it was not asked yet");
    }
}
