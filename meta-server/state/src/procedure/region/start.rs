//! `start` -> `catch_up`, `hand_over`, `leave`, completed, failed, cancelled: the target becomes a learner.

use common::procedure::ProcedureState;
use common::rpc::{ErrorCode, WireError};
use common::types::{ConfigChange, Member};

use super::{At, End, Next, RegionStep, Turn};
use crate::change::Requester;
use crate::request::Verdict;

pub(super) fn advance(at: &At<'_>) -> Turn {
    if at.procedure.cancel {
        return Turn::End(End { state: ProcedureState::Cancelled, error: None, note: None });
    }
    if at.partition.frozen.is_some() {
        return at.failed(ErrorCode::PartitionBusy, "the partition is frozen: its metadata are older than its data");
    }
    let to = at.migration.to;
    if at.is_away(to) {
        return at.failed(ErrorCode::NodeDead, format!("node {to} does not heartbeat"));
    }
    match at.config().copy_on(to) {
        Some(target) if at.config().is_member(to) => from_member(at, target),
        // The guardian was about to make the same copy.
        Some(target) => Turn::Go(Next { target: Some(target), ..at.next(RegionStep::CatchUp) }),
        None => add_learner(at),
    }
}

/// The target was a member before: the primary moves, and the source leaves if it is one too many.
fn from_member(at: &At<'_>, target: Member) -> Turn {
    let source_leaves = at.config().member_count() > at.config().replica_count as usize;
    let next = Next { target: Some(target), source_leaves, ..at.next(RegionStep::Leave) };
    if source_leaves || at.leads(at.migration.from) {
        return at.forward(next);
    }
    at.completed(Some(format!(
        "node {} was a member already, and node {} did not lead",
        target.peer, at.migration.from
    )))
}

/// Without a primary that is there nobody could teach the learner.
fn add_learner(at: &At<'_>) -> Turn {
    let taught = at.config().primary.is_some_and(|primary| !at.is_away(primary.peer));
    if !taught {
        return if at.is_overdue() {
            at.failed(ErrorCode::NotServing, "the partition has no primary that could teach a new copy")
        } else {
            Turn::Wait
        };
    }
    let peer = at.migration.to;
    // It was there when the migration was asked for; others may have come first.
    if let Err(error) = at.cluster.check_room(at.config(), peer, at.now) {
        return refused(at, &error);
    }
    let (gpid, ballot) = (at.migration.gpid, at.config().ballot);
    let change = ConfigChange::AddLearner { peer };
    match at.cluster.decide(Requester::MetaServer, gpid, ballot, &change, at.now.wall_ms) {
        Ok(Verdict::Install(partition)) => {
            let target = partition.config.copy_on(peer);
            Turn::Go(Next { target, partition: Some(partition), ..at.next(RegionStep::CatchUp) })
        }
        Ok(Verdict::Refused(_, refusal)) => refused(at, &refusal.into()),
        Err(error) => refused(at, &error),
        // Not at the ballot that was just read.
        Ok(Verdict::Installed(_) | Verdict::Superseded(_) | Verdict::Freeze(_)) => Turn::Wait,
    }
}

fn refused(at: &At<'_>, error: &WireError) -> Turn {
    at.failed(error.code, error.message.clone())
}
