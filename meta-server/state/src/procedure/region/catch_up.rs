//! `catch_up` -> `hand_over`, `leave`, `rollback`: the target learns, and the primary promotes it.

use std::time::Duration;

use common::procedure::ProcedureError;
use common::rpc::ErrorCode;
use common::types::{ConfigChange, Member};

use super::{At, Next, RegionStep, Turn, error};
use crate::change::Requester;
use crate::partition::Partition;
use crate::request::Verdict;

/// A target that is silent for so long has failed: its process is gone, and with it its role (rule ROLES).
const TARGET_LOST: Duration = Duration::from_secs(10);

pub(super) fn advance(at: &At<'_>) -> Turn {
    // Whatever else happened meanwhile: from here on there is no way back.
    if at.target_is_member() {
        return at.forward(at.next(RegionStep::Leave));
    }
    let learner = at.migration.target.filter(|target| at.config().learners.contains(target));
    let Some(learner) = learner else { return roll_back(at, None, Some(vanished(at))) };
    let to = at.migration.to;
    if at.cluster.silent_for(to, at.now.mono) >= TARGET_LOST {
        let died = error(ErrorCode::NodeDead, format!("node {to} stopped heartbeating while it caught up"));
        return roll_back(at, Some(learner), Some(died));
    }
    if at.procedure.cancel {
        return roll_back(at, Some(learner), None);
    }
    if at.is_overdue() {
        return roll_back(at, Some(learner), Some(too_slow(at)));
    }
    Turn::Wait
}

fn vanished(at: &At<'_>) -> ProcedureError {
    let to = at.migration.to;
    let why = if at.is_away(to) {
        format!("node {to} stopped heartbeating while it caught up")
    } else {
        format!("the new copy on node {to} failed before it had caught up, see its log")
    };
    error(if at.is_away(to) { ErrorCode::NodeDead } else { ErrorCode::NotMember }, why)
}

fn too_slow(at: &At<'_>) -> ProcedureError {
    let (limit, to) = (Duration::from_millis(at.migration.replay_timeout_ms), at.migration.to);
    let lag = at.cluster.lag_of(&at.procedure.work, at.now.mono);
    let missing =
        lag.map_or_else(|| "it did not say what it lacks".to_owned(), |lag| format!("it lacks {lag} mutations"));
    error(ErrorCode::Timeout, format!("the new copy on node {to} has not caught up within {limit:?}: {missing}"))
}

/// The learner goes, if it is still there, and with it the lock; in the same transaction as the step.
fn roll_back(at: &At<'_>, learner: Option<Member>, error: Option<ProcedureError>) -> Turn {
    let without = learner.and_then(|learner| without(at, learner));
    let partition = Some(at.unlocked(without.as_ref().unwrap_or(at.partition)));
    Turn::Go(Next { partition, error, ..at.next(RegionStep::Rollback) })
}

/// A frozen partition keeps its learner: nothing of it is decided but by `recover`.
fn without(at: &At<'_>, member: Member) -> Option<Partition> {
    let change = ConfigChange::Drop { member, moving: None };
    let (gpid, ballot) = (at.migration.gpid, at.config().ballot);
    match at.cluster.decide(Requester::MetaServer, gpid, ballot, &change, at.now.wall_ms) {
        Ok(Verdict::Install(partition)) => Some(partition),
        Ok(_) | Err(_) => None,
    }
}
