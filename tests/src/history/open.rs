//! What is known of an operation that was never answered. Left open to the end, each would double the orders that a
//! search has to try; but most of them are either of no consequence or bounded.
//!
//! - A read without an answer says nothing.
//! - A write whose value nobody saw may as well never have happened: whatever order explains the rest with it also
//!   explains it without it.
//! - A write whose value was seen had happened when the first who saw it had its answer.
//! - A removal may stay open to the end, for that nothing is there can have other causes.

use std::collections::BTreeMap;

use super::record::{Answer, Kind, Operation, Outcome, ValueId};

/// An operation with the stretch of time in which it took effect, in half places of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) kind: Kind,
    /// `None`: it was done, and nobody was told.
    pub(super) answer: Option<Answer>,
    pub(super) from: u64,
    pub(super) until: u64,
}

/// What a search for an order has to explain: one key's operations up to a place of the record.
pub(super) fn steps(operations: &[Operation], end: u64) -> Vec<Step> {
    let past: Vec<Operation> = operations.iter().filter(|op| op.called <= end).map(|op| as_of(op, end)).collect();
    let seen = first_seen(&past);
    past.iter().filter_map(|operation| step(operation, &seen)).collect()
}

/// What was answered later was open then.
fn as_of(operation: &Operation, end: u64) -> Operation {
    let later = matches!(operation.outcome, Outcome::Answered(at, _) if at > end);
    Operation { outcome: if later { Outcome::Open } else { operation.outcome }, ..*operation }
}

/// The value that an answer shows.
const fn shown(answer: Answer) -> Option<ValueId> {
    match answer {
        Answer::Found(value) | Answer::Compared { previous: value, .. } => value,
        Answer::Done => None,
    }
}

/// When each value had been seen for the first time.
pub(super) fn first_seen(operations: &[Operation]) -> BTreeMap<ValueId, u64> {
    let mut seen = BTreeMap::new();
    for operation in operations {
        if let Outcome::Answered(at, answer) = operation.outcome
            && let Some(value) = shown(answer)
        {
            let first = seen.entry(value).or_insert(at);
            *first = at.min(*first);
        }
    }
    seen
}

fn step(operation: &Operation, seen: &BTreeMap<ValueId, u64>) -> Option<Step> {
    let (kind, from) = (operation.kind, 2 * operation.called);
    match (operation.outcome, kind) {
        // It has no place in the order.
        (_, Kind::Look { .. }) => None,
        (Outcome::Answered(at, answer), _) => Some(Step { kind, answer: Some(answer), from, until: 2 * at }),
        (Outcome::Never, _) | (Outcome::Open, Kind::Get) => None,
        (Outcome::Open, Kind::Put(value) | Kind::Exchange(value) | Kind::CompareAndSet { value: Some(value), .. }) => {
            // One that was seen before it was sent cannot be explained, and is not to be: it stays open.
            let until = seen.get(&value).map(|at| 2 * at - 1)?;
            Some(Step { kind, answer: None, from, until: if until > from { until } else { u64::MAX } })
        }
        (Outcome::Open, Kind::Delete | Kind::Increment | Kind::CompareAndSet { value: None, .. }) => {
            Some(Step { kind, answer: None, from, until: u64::MAX })
        }
    }
}
