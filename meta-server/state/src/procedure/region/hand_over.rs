//! `hand_over` -> `leave`, completed, failed: the target leads, because the source did.

use super::{At, RegionStep, Turn};
use crate::procedure::Request;

pub(super) fn advance(at: &At<'_>) -> Turn {
    if !at.target_is_member() {
        return at.target_lost();
    }
    // Also if the primary went elsewhere by itself.
    if !at.leads(at.migration.from) {
        return if at.config().primary.is_none() && !at.is_overdue() { Turn::Wait } else { handed_over(at) };
    }
    if at.is_overdue() {
        return at.given_up("the hand-over");
    }
    let target = at.migration.target;
    let ask = target.and_then(|to| Some(Request::HandOver { to, address: at.address(to.peer)? }));
    ask.map_or(Turn::Wait, Turn::Ask)
}

fn handed_over(at: &At<'_>) -> Turn {
    if at.migration.source_leaves {
        return Turn::Go(at.next(RegionStep::Leave));
    }
    let elsewhere = at.config().primary.filter(|primary| primary.peer != at.migration.to);
    at.completed(elsewhere.map(|primary| format!("node {} had become primary by itself", primary.peer)))
}
