//! What an operator is told who wants to stop a move that cannot be stopped.

use common::job::Job;
use common::rpc::{ErrorCode, WireError};
use common::types::Gpid;

/// Past the point of no return.
pub(super) fn too_late(job: &Job) -> WireError {
    let Job { id, subject, state, target, .. } = job;
    let message = format!("job {id} is {state}: {subject} has left its partition for {target} and has to arrive");
    let hint = format!("let it end (disk-migrate-report --id {id}), then move it back");
    WireError::new(ErrorCode::NotCancellable, message, hint)
}

/// It has ended, or is about to.
pub(super) fn over(job: &Job) -> WireError {
    let Job { id, outcome, .. } = job;
    let message = if job.is_running() { format!("job {id} is ending") } else { format!("job {id} is over: {outcome}") };
    WireError::new(ErrorCode::JobEnded, message, format!("disk-migrate-report --id {id} shows how it ended"))
}

/// Nothing of that partition moves. `last` is its last move, if there was one.
pub(super) fn not_migrating(gpid: Gpid, last: Option<&Job>) -> WireError {
    let hint = match last {
        Some(job) => format!("its last move, job {}, is over: {}", job.id, job.outcome),
        None => "disk-migrate-report lists the moves of all nodes".to_owned(),
    };
    WireError::new(ErrorCode::NotMigrating, format!("no move of {gpid} runs or waits on this node"), hint)
}
