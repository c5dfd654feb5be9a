//! `collect` -> completed: the source's directory is set aside by order of its heartbeats (rule COLLECT).

use super::{At, Turn};

pub(super) fn advance(at: &At<'_>) -> Turn {
    let from = at.migration.from;
    if at.config().copy_on(from).is_some() {
        return at.completed(Some(format!("node {from} was given a copy again meanwhile")));
    }
    if at.is_rid_of_it(from) {
        return at.completed(None);
    }
    if at.is_away(from) {
        return at.completed(Some(format!("node {from} is away; its copy is set aside when it comes back")));
    }
    if at.is_overdue() {
        return at.completed(Some(format!("node {from} has not set its copy aside yet; it is asked again and again")));
    }
    Turn::Wait
}
