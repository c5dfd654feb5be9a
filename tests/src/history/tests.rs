//! Planted lies: what the checker must find, and what it must not complain of.

use super::record::{Answer, Kind, Operation, Outcome, Recorder};
use super::{Looks, Violation, check, looks};

const KEY: usize = 7;
const OK: Outcome = Outcome::Answered(0, Answer::Done);

/// An operation from one place of the record to another.
fn op(from: u64, until: u64, kind: Kind, outcome: Outcome) -> Operation {
    let outcome = match outcome {
        Outcome::Answered(_, answer) => Outcome::Answered(until, answer),
        Outcome::Open | Outcome::Never => outcome,
    };
    Operation { client: 0, key: KEY, kind, called: from, called_ms: from, ended_ms: Some(until), outcome }
}

fn put(from: u64, until: u64, value: u64) -> Operation {
    op(from, until, Kind::Put(value), OK)
}

fn get(from: u64, until: u64, value: Option<u64>) -> Operation {
    op(from, until, Kind::Get, Outcome::Answered(0, Answer::Found(value)))
}

fn swap(from: u64, until: u64, expected: Option<u64>, value: u64, outcome: Outcome) -> Operation {
    op(from, until, Kind::CompareAndSet { expected, value: Some(value) }, outcome)
}

const fn compared(written: bool, previous: Option<u64>) -> Outcome {
    Outcome::Answered(0, Answer::Compared { written, previous })
}

fn found(operations: &[Operation]) -> Violation {
    check(operations).unwrap_err().remove(0)
}

#[test]
fn a_stale_read_is_caught_and_shown() {
    check(&[put(1, 2, 10), put(3, 4, 11), get(5, 6, Some(11))]).unwrap();
    let violation = found(&[put(1, 2, 10), put(3, 4, 11), get(5, 6, Some(10)), get(7, 8, Some(11))]);
    assert_eq!((violation.key, violation.undecided), (KEY, false));
    assert_eq!(violation.operations.last().unwrap().called, 5, "{violation}");
}

#[test]
fn a_lost_write_is_caught() {
    found(&[put(1, 2, 10), get(3, 4, None)]);
    found(&[put(1, 2, 10), put(3, 4, 11), get(5, 6, Some(11)), get(7, 8, Some(10))]);
}

#[test]
fn overlapping_operations_may_come_in_either_order_but_only_in_one() {
    check(&[put(1, 9, 10), put(2, 8, 11), get(10, 11, Some(10))]).unwrap();
    check(&[put(1, 9, 10), put(2, 8, 11), get(10, 11, Some(11))]).unwrap();
    found(&[put(1, 9, 10), put(2, 8, 11), get(10, 11, Some(11)), get(12, 13, Some(10))]);
}

#[test]
fn a_write_of_unknown_outcome_may_come_late_or_never_but_not_twice() {
    let unknown = op(1, 2, Kind::Put(10), Outcome::Open);
    check(&[unknown, put(3, 4, 11), get(5, 6, Some(11)), get(7, 8, Some(10))]).unwrap();
    check(&[unknown, put(3, 4, 11), get(5, 6, Some(11))]).unwrap();
    found(&[unknown, get(3, 4, Some(10)), put(5, 6, 11), get(7, 8, Some(11)), get(9, 10, Some(10))]);
}

#[test]
fn a_write_that_was_refused_must_not_be_seen() {
    found(&[op(1, 2, Kind::Put(10), Outcome::Never), get(3, 4, Some(10))]);
}

#[test]
fn what_nobody_wrote_or_not_yet_must_not_be_seen() {
    found(&[put(1, 2, 10), get(3, 4, Some(0))]);
    found(&[get(1, 2, Some(10)), op(3, 4, Kind::Put(10), Outcome::Open)]);
}

#[test]
fn a_removal_removes_and_one_of_unknown_outcome_may() {
    let remove = |outcome| op(3, 4, Kind::Delete, outcome);
    check(&[put(1, 2, 10), remove(OK), get(5, 6, None)]).unwrap();
    found(&[put(1, 2, 10), remove(OK), get(5, 6, Some(10))]);
    check(&[put(1, 2, 10), remove(Outcome::Open), get(5, 6, Some(10)), get(7, 8, None)]).unwrap();
    found(&[put(1, 2, 10), remove(Outcome::Open), get(5, 6, None), get(7, 8, Some(10))]);
}

#[test]
fn a_swap_happens_only_over_what_it_expects_and_says_what_was_there() {
    check(&[put(1, 2, 10), swap(3, 4, Some(10), 11, compared(true, Some(10))), get(5, 6, Some(11))]).unwrap();
    check(&[put(1, 2, 10), swap(3, 4, Some(9), 11, compared(false, Some(10))), get(5, 6, Some(10))]).unwrap();
    found(&[put(1, 2, 10), swap(3, 4, Some(9), 11, compared(true, Some(9)))]);
    found(&[put(1, 2, 10), swap(3, 4, Some(10), 11, compared(false, Some(10)))]);
    found(&[put(1, 2, 10), swap(3, 4, Some(9), 11, compared(false, Some(8)))]);
    check(&[put(1, 2, 10), swap(3, 4, Some(10), 11, Outcome::Open), get(5, 6, Some(11))]).unwrap();
    found(&[put(1, 2, 10), swap(3, 4, Some(9), 11, Outcome::Open), get(5, 6, Some(11))]);
}

#[test]
fn an_exchange_says_what_was_there_and_one_of_unknown_outcome_may_have_happened() {
    let swap = |from, until, value, outcome| op(from, until, Kind::Exchange(value), outcome);
    check(&[put(1, 2, 10), swap(3, 4, 11, compared(true, Some(10))), get(5, 6, Some(11))]).unwrap();
    found(&[put(1, 2, 10), swap(3, 4, 11, compared(true, None)), get(5, 6, Some(11))]);
    found(&[put(1, 2, 10), swap(3, 4, 11, compared(true, Some(10))), get(5, 6, Some(10))]);
    check(&[put(1, 2, 10), swap(3, 4, 11, Outcome::Open), get(5, 6, Some(11))]).unwrap();
    check(&[put(1, 2, 10), swap(3, 4, 11, Outcome::Open), get(5, 6, Some(10))]).unwrap();
}

#[test]
fn a_counter_is_judged_with_the_rest() {
    let add = |from, until, value| op(from, until, Kind::Increment, Outcome::Answered(0, Answer::Found(Some(value))));
    check(&[add(1, 2, 1), add(3, 4, 2), get(5, 6, Some(2))]).unwrap();
    let violation = found(&[add(1, 2, 1), add(3, 4, 2), get(5, 6, Some(1)), get(7, 8, Some(2))]);
    assert_eq!(violation.operations.last().unwrap().called, 5, "{violation}");
}

#[test]
fn a_long_history_with_many_open_operations_is_decided() {
    let mut operations = vec![];
    for n in 0..1000_u64 {
        let (at, value) = (10 * n, n + 1);
        if n % 7 == 0 {
            operations.push(op(at + 1, at + 2, Kind::Put(value), Outcome::Open));
            let seen = if n % 2 == 0 { Some(value) } else { Some(n) };
            operations.push(get(at + 3, at + 6, seen));
        } else {
            operations.push(put(at + 1, at + 5, value));
            operations.push(get(at + 3, at + 6, Some(value)));
        }
    }
    check(&operations).unwrap();
    let stale = operations.len() - 1;
    operations[stale] = get(9993, 9996, Some(2));
    found(&operations);
}

#[test]
fn the_record_puts_calls_and_returns_in_one_order() {
    let recorder = Recorder::default();
    let (value, other) = (recorder.value(), recorder.value());
    let write = recorder.call(0, 1, Kind::Put(value));
    let read = recorder.call(1, 1, Kind::Get);
    recorder.answered(write, Answer::Done);
    recorder.answered(read, Answer::Found(Some(value)));
    let refused = recorder.call(0, 1, Kind::Put(other));
    recorder.never(refused);
    let operations = recorder.operations();
    assert_eq!(operations.iter().map(|op| op.called).collect::<Vec<_>>(), [2, 4, 10]);
    assert_eq!(operations[1].outcome, Outcome::Answered(8, Answer::Found(Some(value))));
    check(&operations).unwrap();
}

/// A look from one place of the record to another that counts from an earlier one.
fn look(since: u64, from: u64, until: u64, value: Option<u64>) -> Operation {
    op(from, until, Kind::Look { since }, Outcome::Answered(0, Answer::Found(value)))
}

#[test]
fn a_look_may_tell_what_was_there_within_its_bound_and_nothing_older() {
    let history = |since| [put(1, 2, 10), put(3, 4, 11), put(5, 6, 12), look(since, 7, 8, Some(10))];
    check(&history(3)).unwrap();
    assert_eq!(looks(&history(3)), Looks { answered: 1, late: 1 });
    let violation = found(&history(5));
    assert_eq!(violation.operations.last().unwrap().called, 7, "{violation}");
    check(&[put(1, 2, 10), look(3, 7, 8, Some(10))]).unwrap();
}

#[test]
fn a_look_tells_no_value_that_nobody_can_have_written_by_then() {
    found(&[look(0, 1, 2, Some(10)), put(3, 4, 10)]);
    found(&[look(0, 1, 2, Some(10))]);
    found(&[op(1, 2, Kind::Put(10), Outcome::Never), look(0, 3, 4, Some(10))]);
    check(&[op(1, 2, Kind::Put(10), Outcome::Open), look(3, 3, 4, Some(10))]).unwrap();
}

#[test]
fn that_nothing_is_there_was_so_at_first_and_after_every_removal() {
    let delete = |from, until, outcome| op(from, until, Kind::Delete, outcome);
    found(&[put(1, 2, 10), get(3, 4, Some(10)), look(5, 6, 7, None)]);
    check(&[put(1, 2, 10), get(3, 9, Some(10)), look(1, 6, 7, None)]).unwrap();
    check(&[put(1, 2, 10), delete(3, 4, OK), put(5, 8, 11), look(5, 6, 7, None)]).unwrap();
    found(&[put(1, 2, 10), delete(3, 4, OK), put(5, 6, 11), look(7, 8, 9, None)]);
    check(&[put(1, 2, 10), delete(3, 4, Outcome::Open), get(5, 6, Some(10)), look(7, 8, 9, None)]).unwrap();
}

#[test]
fn a_value_that_is_over_stays_so_whoever_met_what_came_after_it() {
    let swapped = swap(3, 4, Some(10), 11, compared(true, Some(10)));
    found(&[put(1, 2, 10), swapped, look(5, 6, 7, Some(10))]);
    let refused = swap(5, 6, Some(10), 12, compared(false, Some(11)));
    found(&[put(1, 2, 10), op(3, 9, Kind::Put(11), Outcome::Open), refused, look(7, 8, 9, Some(10))]);
    // Which of two that overlapped came last, nobody knows.
    check(&[put(1, 9, 10), put(2, 8, 11), look(10, 11, 12, Some(10)), look(10, 13, 14, Some(11))]).unwrap();
}
