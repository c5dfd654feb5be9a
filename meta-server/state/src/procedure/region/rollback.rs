//! `rollback` -> failed, cancelled: the target's directory is set aside by order of its heartbeats (rule COLLECT).

use common::procedure::ProcedureState;

use super::{At, End, Turn};

pub(super) fn advance(at: &At<'_>) -> Turn {
    let to = at.migration.to;
    if at.config().copy_on(to).is_some() {
        return over(at, Some(format!("node {to} was given a copy again meanwhile")));
    }
    if at.is_rid_of_it(to) {
        return over(at, None);
    }
    if at.is_away(to) {
        return over(at, Some(format!("node {to} is away; its copy is set aside when it comes back")));
    }
    if at.is_overdue() {
        return over(at, Some(format!("node {to} has not set its copy aside yet; it is asked again and again")));
    }
    Turn::Wait
}

fn over(at: &At<'_>, note: Option<String>) -> Turn {
    let error = at.procedure.error.clone();
    let state = if error.is_some() { ProcedureState::Failed } else { ProcedureState::Cancelled };
    Turn::End(End { state, error, note })
}
