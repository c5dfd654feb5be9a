//! `rollback` -> cancelled: the copies of a table whose creation was cancelled are set aside by order of heartbeats.

use common::procedure::ProcedureState;

use super::{Advance, At, CreateTable};

pub(super) fn advance(at: &At<'_>, create: &CreateTable) -> Advance {
    let left = at.may_hold(&create.holders);
    if left.is_empty() {
        return at.end(ProcedureState::Cancelled, None, None);
    }
    if at.is_overdue() {
        return at.end(ProcedureState::Cancelled, None, Some(at.left_behind(&left)));
    }
    Advance::default()
}
