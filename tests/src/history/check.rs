//! The search for an order that explains every answer, per key, by the algorithm of Wing and Gong with the memo of Lowe
//! (crate `todc-utils`). Where there is none, the first answer that cannot be explained is found by bisection.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::{Action, History};

use super::counter;
use super::open::{Step, steps};
use super::record::{Kind, Operation, Outcome};
use super::register::{self, Register};
use super::stale;

/// Operations shown before one that cannot be explained.
const SHOWN: usize = 30;
/// The memo of a search may grow to about so many bytes.
const MEMO_BYTES_MAX: u64 = 1 << 30;

/// A key whose operations no order explains.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The key.
    pub key: usize,
    /// Whether the search was given up instead, because it took too long.
    pub undecided: bool,
    /// The operations before the first answer that cannot be explained, which is the last; in order of their calls.
    pub operations: Vec<Operation>,
}

/// Looks for an order of each key's operations.
///
/// # Errors
/// The keys for which there is none.
pub fn check(operations: &[Operation]) -> Result<(), Vec<Violation>> {
    let mut keys: BTreeMap<usize, Vec<Operation>> = BTreeMap::new();
    for operation in operations {
        keys.entry(operation.key).or_default().push(*operation);
    }
    let violations: Vec<Violation> = keys.into_iter().filter_map(|(key, operations)| judge(key, &operations)).collect();
    if violations.is_empty() { Ok(()) } else { Err(violations) }
}

fn judge(key: usize, operations: &[Operation]) -> Option<Violation> {
    if operations.iter().any(|operation| operation.kind == Kind::Increment) {
        return judge_counter(key, operations);
    }
    match is_explained(operations, u64::MAX) {
        Some(true) => {
            let too_old = stale::too_old(operations)?;
            let past = operations.iter().filter(|op| op.called <= too_old.called).copied().collect();
            Some(violation(key, past, |op| op.called == too_old.called))
        }
        Some(false) => {
            let end = first_unexplained(operations);
            let past = operations.iter().filter(|op| op.called <= end).copied().collect();
            Some(violation(key, past, |op| matches!(op.outcome, Outcome::Answered(at, _) if at == end)))
        }
        None => Some(Violation { key, undecided: true, operations: vec![] }),
    }
}

fn judge_counter(key: usize, operations: &[Operation]) -> Option<Violation> {
    let called = counter::unexplained(operations)?;
    Some(violation(key, operations.to_vec(), |op| op.since() == called))
}

/// Shows the operations before the one that cannot be explained, and that one last.
fn violation(key: usize, mut past: Vec<Operation>, culprit: impl Fn(&Operation) -> bool) -> Violation {
    past.sort_by_key(|op| (culprit(op), op.called));
    let operations = past.split_off(past.len().saturating_sub(SHOWN));
    Violation { key, undecided: false, operations }
}

/// The place of the first answer up to which there is no order. What explains a history explains its beginnings.
fn first_unexplained(operations: &[Operation]) -> u64 {
    let answered = |op: &Operation| match op.outcome {
        Outcome::Answered(at, _) => Some(at),
        Outcome::Open | Outcome::Never => None,
    };
    let places: Vec<u64> = operations.iter().filter_map(answered).collect::<BTreeSet<_>>().into_iter().collect();
    let first = places.partition_point(|place| is_explained(operations, *place) == Some(true));
    places.get(first).copied().unwrap_or(u64::MAX)
}

/// Whether there is an order up to a place of the record; `None` if the search was given up.
fn is_explained(operations: &[Operation], end: u64) -> Option<bool> {
    let steps = steps(operations, end);
    if steps.is_empty() {
        return Some(true);
    }
    // The memo keeps a byte for each call and each return, for every step that it tried.
    register::allow(MEMO_BYTES_MAX / (2 * steps.len() as u64));
    let found = WGLChecker::<Register>::is_linearizable(history(&steps));
    if !found && register::is_spent() { None } else { Some(found) }
}

fn history(steps: &[Step]) -> History<Step> {
    let mut actions: Vec<(u64, usize, Action<Step>)> = Vec::with_capacity(2 * steps.len());
    for (index, step) in steps.iter().enumerate() {
        actions.push((step.from, index, Action::Call(*step)));
        actions.push((step.until, index, Action::Response(*step)));
    }
    actions.sort_by_key(|(place, _, _)| *place);
    History::from_actions(actions.into_iter().map(|(_, index, action)| (index, action)).collect())
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.undecided {
            return write!(f, "key {}: the search for an order was given up", self.key);
        }
        write!(f, "key {}: no order explains the last of these answers", self.key)?;
        self.operations.iter().try_for_each(|operation| write!(f, "\n    {operation}"))
    }
}
