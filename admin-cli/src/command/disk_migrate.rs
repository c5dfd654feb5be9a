//! `disk-migrate`: starts a move between two disks of a node and, with `--wait`, watches it to its end.

use std::time::Duration;

use clap::Args;
use common::job::{Job, JobOutcome, JobState};
use common::rpc::node_admin::DiskMigrate as Request;
use common::rpc::{ErrorCode, WireError, WireResult};
use common::types::Gpid;

use crate::args::NodeName;
use crate::context::Context;
use crate::output::Output;
use crate::progress::Progress;
use crate::time::{size, span};
use crate::view::{AddressBook, JobView, OneJob, figures};

const POLL_EVERY: Duration = Duration::from_millis(200);
/// Polls in a row that may fail: the node may be restarting, and the job goes on after it.
const FAILED_POLLS_MAX: u32 = 150;

/// `disk-migrate`.
#[derive(Args, Clone, Debug)]
pub struct DiskMigrate {
    /// The node, as host:port or peer id
    #[arg(short, long)]
    pub node: NodeName,
    /// The partition whose replica moves, for example 1.3
    #[arg(short, long)]
    pub gpid: Gpid,
    /// The disk that it leaves
    #[arg(short = 'f', long = "from", value_name = "DISK")]
    pub source: String,
    /// The disk that it goes to
    #[arg(short = 't', long = "to", value_name = "DISK")]
    pub target: String,
    /// Watch it to its end; fails if the move fails
    #[arg(long)]
    pub wait: bool,
    /// Refuse if the replica is primary, instead of handing over to a secondary first
    #[arg(long)]
    pub no_demote: bool,
    /// Limit of the copy in MiB per second, 0 for none; default: the node's setting
    #[arg(long, value_name = "MIB")]
    pub max_rate: Option<u64>,
}

impl DiskMigrate {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        let node = context.find_node(&self.node).await?;
        let request = Request {
            gpid: self.gpid,
            source: self.source,
            target: self.target,
            demote: !self.no_demote,
            max_rate_bytes_per_s: self.max_rate.map(|mib| mib.saturating_mul(1 << 20)),
        };
        let started =
            context.node(&node.address, async |n, deadline| n.disk_migrate(deadline, request.clone()).await).await?;
        let job = if self.wait { watch(context, &node.address, started).await? } else { started };
        let view = JobView::new(&job, &AddressBook::new([(node.peer_id, node.address)]));
        let text = if self.wait { figures(&job, &view) } else { started_text(&view) };
        Ok(Output::new(&OneJob { job: view }, text))
    }
}

fn started_text(job: &JobView) -> String {
    format!(
        "job {} moves {} on {} from {} to {}\nwatch it with: disk-migrate-report --id {}",
        job.id, job.subject, job.node, job.source, job.target, job.id
    )
}

/// Watches until the job ends. Survives a restart of the node, as the job does.
async fn watch(context: &Context, address: &str, started: Job) -> WireResult<Job> {
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
    ended(job)
}

async fn poll(context: &Context, address: &str, job: &Job) -> WireResult<Job> {
    let jobs = context.node(address, async |node, deadline| node.jobs(deadline).await).await?;
    let found = jobs.into_iter().find(|other| other.id == job.id);
    found.ok_or_else(|| WireError::new(ErrorCode::UnknownJob, format!("{address} has no job {}", job.id), ""))
}

fn ended(job: Job) -> WireResult<Job> {
    if job.outcome == JobOutcome::Completed {
        return Ok(job);
    }
    let cause = job.last_error.as_deref().unwrap_or("no cause was recorded");
    let hint = format!("nothing was changed; see disk-migrate-report --id {}, then start it anew", job.id);
    Err(WireError::new(ErrorCode::JobFailed, format!("the move of {} failed: {cause}", job.subject), hint))
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

/// State, percent, rate and time left, in one line.
fn describe(job: &Job) -> String {
    let mut parts = vec![job.state.to_string()];
    if job.state >= JobState::Moving {
        parts.push(format!("{}%  {} of {}", job.percent(), size(job.bytes_done), size(job.bytes_total)));
    }
    parts.extend(job.rate_bytes_per_s.map(|rate| format!("{}/s", size(rate))));
    parts.extend(job.eta_ms().map(|left| format!("{} left", span(left))));
    parts.join("  ")
}
