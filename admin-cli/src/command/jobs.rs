//! `jobs`, `job` and `job-cancel`: moves between disks and between nodes in one list, by one id.

use clap::{Args, ValueEnum};
use common::job::{Job, JobKind, JobOutcome};
use common::procedure::ProcedureInfo;
use common::rpc::node_admin::JobName;
use common::rpc::{ErrorCode, WireError, WireResult};
use serde::Serialize;
use uuid::Uuid;

use super::job::{Found, find};
use crate::context::Context;
use crate::output::Output;
use crate::view::{JobView, Jobs as JobList, OneJob, OneProcedure, ProcedureView, figures};
use crate::watch::watch;

/// What kind of moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Between disks of a node
    Disk,
    /// Between nodes
    Region,
}

/// Which jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum State {
    /// Waiting for their turn
    Queued,
    /// Under way
    Running,
    /// Done
    Completed,
    /// Given up
    Failed,
    /// Stopped by an operator
    Cancelled,
}

impl State {
    fn of(job: &Job) -> Self {
        match job.outcome {
            JobOutcome::Running if job.started_at_ms.is_none() => Self::Queued,
            JobOutcome::Running => Self::Running,
            JobOutcome::Completed => Self::Completed,
            JobOutcome::Failed => Self::Failed,
            JobOutcome::Cancelled => Self::Cancelled,
        }
    }
}

/// `jobs`.
#[derive(Args, Clone, Debug)]
pub struct Jobs {
    /// Only moves of this kind
    #[arg(long)]
    kind: Option<Kind>,
    /// Only those in this state
    #[arg(long)]
    state: Option<State>,
    /// Draw it again every second until none of them runs any more, or Ctrl-C; with --json one document at the end
    #[arg(long)]
    watch: bool,
}

impl Jobs {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        if self.watch {
            return watch(context, async || self.look(context).await).await;
        }
        Ok(self.look(context).await?.0)
    }

    /// The list, and whether none of its jobs runs any more.
    async fn look(&self, context: &Context) -> WireResult<(Output, bool)> {
        let Found { mut jobs, book } = find(context, None).await?;
        jobs.retain(|job| self.fits(job));
        let over = !jobs.iter().any(Job::is_running);
        let jobs = jobs.iter().map(|job| JobView::new(job, &book)).collect();
        Ok((JobList { jobs }.output(false), over))
    }

    fn fits(&self, job: &Job) -> bool {
        let kind = match job.kind {
            JobKind::Disk => Kind::Disk,
            JobKind::Region => Kind::Region,
        };
        self.kind.is_none_or(|wanted| wanted == kind) && self.state.is_none_or(|wanted| wanted == State::of(job))
    }
}

/// `job`.
#[derive(Args, Clone, Debug)]
pub struct ShowJob {
    /// The job
    id: Uuid,
}

/// A job, and for a move between nodes its procedure.
#[derive(Serialize)]
struct JobAndProcedure {
    job: JobView,
    procedure: Option<ProcedureView>,
}

impl ShowJob {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        let Found { jobs, book } = find(context, None).await?;
        let job = jobs.into_iter().find(|job| job.id == self.id).ok_or_else(|| unknown(self.id))?;
        let view = JobView::new(&job, &book);
        if job.kind == JobKind::Disk {
            let text = figures(&job, &view);
            return Ok(Output::new(&JobAndProcedure { job: view, procedure: None }, text));
        }
        let info = context.meta(async |meta, deadline| meta.procedure(deadline, self.id).await).await?;
        let procedure = ProcedureView::new(&info, &book);
        let text = procedure.text(&info);
        Ok(Output::new(&JobAndProcedure { job: view, procedure: Some(procedure) }, text))
    }
}

/// `job-cancel`.
#[derive(Args, Clone, Debug)]
pub struct CancelJob {
    /// The job
    id: Uuid,
}

impl CancelJob {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        let Found { jobs, book } = find(context, None).await?;
        let job = jobs.into_iter().find(|job| job.id == self.id).ok_or_else(|| unknown(self.id))?;
        if job.kind == JobKind::Region {
            let info = context.meta(async |meta, deadline| meta.cancel_procedure(deadline, self.id).await).await?;
            let view = ProcedureView::new(&info, &book);
            return Ok(Output::new(&OneProcedure { procedure: view }, told(&info)));
        }
        let (address, name) = (book.name(job.node), JobName::Id(self.id));
        let job = context.node(&address, async |node, deadline| node.disk_migrate_cancel(deadline, name).await).await?;
        let text = format!("job {} of {} ends\nsee it end with: job {}", job.id, job.subject, job.id);
        Ok(Output::new(&OneJob { job: JobView::new(&job, &book) }, text))
    }
}

fn told(info: &ProcedureInfo) -> String {
    format!("job {} ends\nsee it end with: job {}", info.id, info.id)
}

fn unknown(id: Uuid) -> WireError {
    WireError::new(ErrorCode::UnknownJob, format!("nobody knows a job {id}"), "jobs lists all of them")
}
