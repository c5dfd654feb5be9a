//! Watching one procedure of the meta server to its end, with progress on stderr.

use std::time::Duration;

use common::procedure::{ProcedureInfo, ProcedureKind, ProcedureState, ProcedureSubject};
use common::rpc::{ErrorCode, WireError, WireResult};
use uuid::Uuid;

use crate::context::Context;
use crate::time::size;

const POLL_EVERY: Duration = Duration::from_millis(200);
/// Polls in a row that may fail: the meta server may be restarting, and the procedure goes on after it.
const FAILED_POLLS_MAX: u32 = 150;

/// Watches a procedure until it is completed.
///
/// # Errors
/// `JobFailed` with its root cause if it ends otherwise; the meta server does not answer any more, or has forgotten it.
pub(super) async fn completed(context: &Context, started: ProcedureInfo) -> WireResult<ProcedureInfo> {
    let info = to_its_end(context, started).await?;
    if info.state == ProcedureState::Completed {
        return Ok(info);
    }
    let cause = info.error.as_ref().map_or("it was cancelled", |error| error.message.as_str());
    let anew = || format!("see job {} for its steps; remove the cause, then start it anew", info.id);
    let hint = info.note.clone().filter(|_| info.is_of_table()).unwrap_or_else(anew);
    Err(WireError::new(ErrorCode::JobFailed, format!("{} {}: {cause}", what(&info), info.state), hint))
}

fn what(info: &ProcedureInfo) -> String {
    match (&info.subject, info.kind) {
        (ProcedureSubject::Table { name, .. }, ProcedureKind::DropTable) => format!("the drop of table '{name}'"),
        (ProcedureSubject::Table { name, .. }, _) => format!("the creation of table '{name}'"),
        (ProcedureSubject::Replica { gpid, .. }, _) => format!("the migration of {gpid}"),
    }
}

/// A procedure as the meta server has it.
///
/// # Errors
/// `UnknownJob`; the meta server cannot be reached.
pub(super) async fn look(context: &Context, id: Uuid) -> WireResult<ProcedureInfo> {
    context.meta(async |meta, deadline| meta.procedure(deadline, id).await).await
}

/// Watches a procedure until it ends, however it does. Survives a restart of the meta server, as the procedure does.
async fn to_its_end(context: &Context, started: ProcedureInfo) -> WireResult<ProcedureInfo> {
    let progress = context.progress(100, "percent");
    let (mut info, mut failed_polls) = (started, 0);
    while !info.state.has_ended() {
        progress.at(info.percent.into());
        progress.say(&describe(&info));
        tokio::time::sleep(POLL_EVERY).await;
        match look(context, info.id).await {
            Ok(now) => (info, failed_polls) = (now, 0),
            Err(error) if failed_polls < FAILED_POLLS_MAX && error.code != ErrorCode::UnknownJob => {
                progress.say(&format!("the meta server does not answer, the job goes on: {error}"));
                failed_polls += 1;
            }
            Err(error) => return Err(unwatched(info.id, &error)),
        }
    }
    progress.clear();
    Ok(info)
}

fn unwatched(id: Uuid, error: &WireError) -> WireError {
    let hint = format!("the job is durable and may still go on: job {id}");
    WireError::new(error.code, format!("lost sight of job {id}: {error}"), hint)
}

/// Step, percent, what is done, lag and the last error, in one line.
fn describe(info: &ProcedureInfo) -> String {
    let mut parts = vec![info.step.clone(), format!("{}%", info.percent)];
    parts.extend((info.bytes_total > 0).then(|| format!("{} of {}", size(info.bytes_done), size(info.bytes_total))));
    parts.extend(info.partitions.map(|count| format!("{} of {} partitions", count.done, count.total)));
    parts.extend(info.lag.map(|lag| format!("{lag} mutations behind")));
    parts.extend(info.error.as_ref().map(|error| format!("tried again: {}", error.message)));
    parts.join("  ")
}
