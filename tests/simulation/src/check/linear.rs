//! Linearizability per key: a search for an order of the operations that explains every answer (Wing and Gong, 1993,
//! with the memo of Lowe, 2017). Keys are used for a few dozen operations each, so that the search stays small.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use common::types::Gpid;

use crate::happening::{OpKind, Reply};
use crate::history::{Operation, Outcome};

/// The most operations of one key; the bits of the search's memo.
pub(crate) const OPERATIONS_MAX: usize = 128;

#[derive(Clone, Copy, Debug)]
struct Step {
    kind: OpKind,
    called: u64,
    /// `u64::MAX`: it may take effect at any time after the call, or never.
    returned: u64,
    answer: Option<Reply>,
}

/// The first key whose operations cannot be explained.
pub(crate) fn check(operations: &[Operation]) -> Result<(), String> {
    let mut keys: BTreeMap<(Gpid, u16), Vec<Step>> = BTreeMap::new();
    for operation in operations {
        let (returned, answer) = match operation.outcome {
            Outcome::Refused => continue,
            Outcome::Unknown => (u64::MAX, None),
            Outcome::Done(at, answer) => (at, Some(answer)),
        };
        let step = Step { kind: operation.kind, called: operation.called, returned, answer };
        keys.entry((operation.gpid, operation.kind.key())).or_default().push(step);
    }
    for ((gpid, key), steps) in keys {
        let steps = relevant(steps);
        assert!(steps.len() <= OPERATIONS_MAX, "{gpid} key {key}: {} operations are too many to check", steps.len());
        if !explained(&steps) {
            return Err(format!("{gpid}: no order explains the operations on key {key}:\n{}", table(&steps)));
        }
    }
    Ok(())
}

/// What has no answer and whose value nobody ever saw may have happened after everything else, or not at all.
fn relevant(mut steps: Vec<Step>) -> Vec<Step> {
    let mut seen = BTreeSet::new();
    for step in &steps {
        if let Some(Reply::Value(Some(value))) = step.answer {
            seen.insert(value);
        }
        if let OpKind::CompareAndSet { expect: Some(value), .. } = step.kind {
            seen.insert(value);
        }
    }
    steps.retain(|step| match (step.answer, step.kind) {
        (Some(_), _) => true,
        (None, OpKind::Get { .. }) => false,
        (None, OpKind::Put { value, .. } | OpKind::CompareAndSet { value, .. }) => seen.contains(&value),
    });
    steps.sort_by_key(|step| step.called);
    steps
}

type State = Option<u64>;

/// The state after a step, if the step's answer can be given in this state.
fn after(step: &Step, state: State) -> Option<State> {
    match (step.kind, step.answer) {
        (OpKind::Get { .. }, Some(Reply::Value(value))) => (value == state).then_some(state),
        (OpKind::Get { .. }, _) => Some(state),
        (OpKind::Put { value, .. }, _) => Some(Some(value)),
        (OpKind::CompareAndSet { expect, value, .. }, Some(Reply::Written)) => (expect == state).then_some(Some(value)),
        (OpKind::CompareAndSet { expect, .. }, Some(Reply::Value(found))) => {
            (found == state && found != expect).then_some(state)
        }
        (OpKind::CompareAndSet { expect, value, .. }, _) => Some(if expect == state { Some(value) } else { state }),
    }
}

fn explained(steps: &[Step]) -> bool {
    let answered = steps.iter().enumerate().filter(|(_, step)| step.answer.is_some());
    let goal = answered.fold(0_u128, |bits, (index, _)| bits | 1 << index);
    let mut tried: HashSet<(u128, State)> = HashSet::new();
    let mut open = vec![(0_u128, None)];
    while let Some((done, state)) = open.pop() {
        if done & goal == goal {
            return true;
        }
        if !tried.insert((done, state)) {
            continue;
        }
        let waiting = || steps.iter().enumerate().filter(move |(index, _)| done & (1 << index) == 0);
        // Whatever was called after another returned comes after it.
        let horizon = waiting().map(|(_, step)| step.returned).min().unwrap_or(u64::MAX);
        for (index, step) in waiting().take_while(|(_, step)| step.called < horizon) {
            if let Some(next) = after(step, state) {
                open.push((done | 1 << index, next));
            }
        }
    }
    false
}

fn table(steps: &[Step]) -> String {
    let row = |step: &Step| {
        let until = if step.returned == u64::MAX { "?".to_owned() } else { step.returned.to_string() };
        format!("    {:>6} .. {until:>6}  {:?} -> {:?}", step.called, step.kind, step.answer)
    };
    steps.iter().map(row).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const G: Gpid = Gpid::new(1, 0);

    fn op(called: u64, outcome: Outcome, kind: OpKind) -> Operation {
        Operation { gpid: G, kind, called, outcome }
    }

    fn put(called: u64, returned: u64, value: u64) -> Operation {
        op(called, Outcome::Done(returned, Reply::Written), OpKind::Put { key: 1, value })
    }

    fn get(called: u64, returned: u64, value: Option<u64>) -> Operation {
        op(called, Outcome::Done(returned, Reply::Value(value)), OpKind::Get { key: 1 })
    }

    #[test]
    fn a_stale_read_is_found() {
        check(&[put(1, 2, 10), put(3, 4, 11), get(5, 6, Some(11))]).unwrap();
        check(&[put(1, 2, 10), put(3, 4, 11), get(5, 6, Some(10))]).unwrap_err();
    }

    #[test]
    fn overlapping_operations_may_come_in_either_order() {
        check(&[put(1, 9, 10), put(2, 8, 11), get(10, 11, Some(10))]).unwrap();
        check(&[put(1, 9, 10), put(2, 8, 11), get(10, 11, Some(11))]).unwrap();
    }

    #[test]
    fn a_write_of_unknown_outcome_may_come_late_but_not_twice() {
        let unknown = op(1, Outcome::Unknown, OpKind::Put { key: 1, value: 10 });
        check(&[unknown, put(2, 3, 11), get(4, 5, Some(11)), get(6, 7, Some(10))]).unwrap();
        check(&[unknown, get(2, 3, Some(10)), put(4, 5, 11), get(6, 7, Some(10))]).unwrap_err();
    }

    #[test]
    fn a_refused_write_must_not_be_seen() {
        let refused = op(1, Outcome::Refused, OpKind::Put { key: 1, value: 10 });
        check(&[refused, get(2, 3, Some(10))]).unwrap_err();
    }

    #[test]
    fn a_compare_and_set_swaps_only_what_it_expects() {
        let swap = |called, reply| {
            let kind = OpKind::CompareAndSet { key: 1, expect: Some(10), value: 12 };
            op(called, Outcome::Done(called + 1, reply), kind)
        };
        check(&[put(1, 2, 10), swap(3, Reply::Written), get(5, 6, Some(12))]).unwrap();
        check(&[put(1, 2, 11), swap(3, Reply::Written)]).unwrap_err();
        check(&[put(1, 2, 11), swap(3, Reply::Value(Some(11)))]).unwrap();
        check(&[put(1, 2, 10), swap(3, Reply::Value(Some(10)))]).unwrap_err();
    }
}
