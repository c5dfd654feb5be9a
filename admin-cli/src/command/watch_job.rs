//! Watching one job to its end, with progress on stderr.

use std::time::Duration;

use common::job::{Job, JobState};
use common::rpc::{ErrorCode, WireError, WireResult};

use crate::context::Context;
use crate::progress::Progress;
use crate::time::{size, span};

const POLL_EVERY: Duration = Duration::from_millis(200);
/// Polls in a row that may fail: the node may be restarting, and the job goes on after it.
const FAILED_POLLS_MAX: u32 = 150;

/// Watches until the job ends, however it does. Survives a restart of the node, as the job does.
///
/// # Errors
/// The node does not answer any more, or has forgotten the job.
pub(super) async fn to_its_end(context: &Context, address: &str, started: Job) -> WireResult<Job> {
    let progress = context.progress(started.bytes_total, "bytes copied");
    let mut job = started;
    let mut failed_polls = 0;
    while job.is_running() {
        show(&progress, &job);
        tokio::time::sleep(POLL_EVERY).await;
        match poll(context, address, &job).await {
            Ok(now) => (job, failed_polls) = (now, 0),
            Err(error) if failed_polls < FAILED_POLLS_MAX && error.code != ErrorCode::UnknownJob => {
                progress.say(&format!("{address} does not answer, the job goes on without being watched: {error}"));
                failed_polls += 1;
            }
            Err(error) => return Err(unwatched(&job, &error)),
        }
    }
    progress.clear();
    Ok(job)
}

async fn poll(context: &Context, address: &str, job: &Job) -> WireResult<Job> {
    let jobs = context.node(address, async |node, deadline| node.jobs(deadline).await).await?;
    let found = jobs.into_iter().find(|other| other.id == job.id);
    found.ok_or_else(|| WireError::new(ErrorCode::UnknownJob, format!("{address} has no job {}", job.id), ""))
}

fn unwatched(job: &Job, error: &WireError) -> WireError {
    let hint = format!("the job is durable and may still go on: disk-migrate-report --id {}", job.id);
    WireError::new(error.code, format!("lost sight of job {}: {error}", job.id), hint)
}

fn show(progress: &Progress, job: &Job) {
    progress.total(job.bytes_total);
    progress.at(job.bytes_done);
    progress.say(&describe(job));
}

/// State, percent, rate, time left and what holds it back, in one line.
fn describe(job: &Job) -> String {
    let mut parts = vec![job.state.to_string()];
    if job.state >= JobState::Moving {
        parts.push(format!("{}%  {} of {}", job.percent(), size(job.bytes_done), size(job.bytes_total)));
    }
    parts.extend(job.rate_bytes_per_s.map(|rate| format!("{}/s", size(rate))));
    parts.extend(job.eta_ms().map(|left| format!("{} left", span(left))));
    parts.extend(job.throttled_by.map(|by| format!("throttled by {by}")));
    parts.join("  ")
}
