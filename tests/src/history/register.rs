//! What a key is: a register that holds a value or nothing.

use std::cell::Cell;

use todc_utils::specifications::Specification;

use super::open::Step;
use super::record::{Answer, Kind, ValueId};

thread_local! {
    /// How many more steps a search on this thread may try.
    static BUDGET: Cell<u64> = const { Cell::new(0) };
}

/// Gives the searches of this thread so many steps.
pub(super) fn allow(steps: u64) {
    BUDGET.set(steps);
}

/// Whether they needed more.
pub(super) fn is_spent() -> bool {
    BUDGET.get() == 0
}

/// A register.
#[derive(Debug)]
pub(super) struct Register;

impl Specification for Register {
    type State = Option<ValueId>;
    type Operation = Step;

    fn init() -> Self::State {
        None
    }

    fn apply(step: &Step, state: &Self::State) -> (bool, Self::State) {
        let left = BUDGET.get().saturating_sub(1);
        BUDGET.set(left);
        // A search that is out of budget finds nothing more, and ends.
        let next = if left > 0 { after(step, *state) } else { None };
        (next.is_some(), next.unwrap_or(*state))
    }
}

/// What is there after a step, if the step's answer can be given in this state.
fn after(step: &Step, state: Option<ValueId>) -> Option<Option<ValueId>> {
    match (step.kind, step.answer) {
        (Kind::Get, Some(Answer::Found(value))) => (value == state).then_some(state),
        (Kind::Put(value), Some(Answer::Done) | None) => Some(Some(value)),
        (Kind::Exchange(value), Some(Answer::Compared { written: true, previous })) => {
            (previous == state).then_some(Some(value))
        }
        (Kind::Exchange(value), None) => Some(Some(value)),
        (Kind::Delete, Some(Answer::Done) | None) => Some(None),
        (Kind::CompareAndSet { expected, value }, Some(Answer::Compared { written, previous })) => {
            let right = previous == state && written == (expected == state);
            right.then_some(if written { value } else { state })
        }
        // Its value was seen, so it was written.
        (Kind::CompareAndSet { expected, value: Some(value) }, None) => (expected == state).then_some(Some(value)),
        (Kind::CompareAndSet { expected, value: None }, None) => Some(if expected == state { None } else { state }),
        // An answer to another question; counters are judged by themselves.
        (
            Kind::Get
            | Kind::Look { .. }
            | Kind::Put(_)
            | Kind::Exchange(_)
            | Kind::Increment
            | Kind::Delete
            | Kind::CompareAndSet { .. },
            _,
        ) => None,
    }
}
