//! `lead` -> `fill`, `rollback`, failed, cancelled: the first copy of every partition comes to be, and leads.

use common::rpc::WireError;

use super::progress::Wanted;
use super::{Advance, At, CreateStep, CreateTable};

pub(super) fn advance(at: &At<'_>, create: &CreateTable) -> Advance {
    if !at.is_live() {
        return at.dropped_meanwhile();
    }
    if at.procedure.cancel {
        return roll_back(at, create);
    }
    if at.is_complete(Wanted::Led) {
        return at.enter(CreateTable { step: CreateStep::Fill, ..create.clone() }, Vec::new());
    }
    if at.is_overdue() { at.gives_up(at.shortfall(Wanted::Led)) } else { Advance::default() }
}

/// The table goes in the same transaction as the step; not from under a job that has one of its partitions.
fn roll_back(at: &At<'_>, create: &CreateTable) -> Advance {
    match at.cluster.dropping(at.table, at.now) {
        Ok(records) => {
            let holders = at.cluster.holders_of(at.table.id);
            at.enter(CreateTable { step: CreateStep::Rollback, holders, ..create.clone() }, records)
        }
        Err(WireError { code, message, hint }) if at.is_overdue() => at.failed(code, message, hint),
        Err(_) => Advance::default(),
    }
}
