//! `fill` -> completed, failed, cancelled: every partition gets the members that it lacks.

use common::procedure::ProcedureState;

use super::progress::Wanted;
use super::{Advance, At};

pub(super) fn advance(at: &At<'_>) -> Advance {
    if !at.is_live() {
        return at.dropped_meanwhile();
    }
    if at.is_complete(Wanted::Whole) {
        return at.end(ProcedureState::Completed, None, None);
    }
    if at.is_overdue() { at.gives_up(at.shortfall(Wanted::Whole)) } else { Advance::default() }
}
