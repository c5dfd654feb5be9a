//! `jobs`, `job` and `job-cancel`: moves between disks, moves between nodes, and tables that come and go, in one list
//! and by one id.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use common::job::{Job, JobKind, JobOutcome, ListedKind};
use common::procedure::{ProcedureFilter, ProcedureInfo};
use common::rpc::node_admin::JobName;
use common::rpc::{ErrorCode, WireError, WireResult};
use serde::Serialize;
use uuid::Uuid;

use super::job::{Found, find};
use super::watch_procedure;
use crate::context::Context;
use crate::output::Output;
use crate::view::{AddressBook, JobView, Jobs as JobList, OneJob, OneProcedure, ProcedureView, figures};
use crate::watch::watch;

/// What kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Between disks of a node
    Disk,
    /// Between nodes
    Region,
    /// Tables that come or go
    Table,
}

impl From<Kind> for ListedKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Disk => Self::Disk,
            Kind::Region => Self::Region,
            Kind::Table => Self::Table,
        }
    }
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
    fn of(job: &JobView) -> Self {
        match job.outcome {
            JobOutcome::Running if job.started_at.is_none() => Self::Queued,
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
    /// Only those of this kind
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
        let Found { jobs, book } = find(context, None).await?;
        let filter = ProcedureFilter::default();
        let procedures = context.meta(async |meta, deadline| meta.procedures(deadline, filter).await).await?;
        let mut jobs = listed(&jobs, &procedures, &book);
        jobs.retain(|job| self.fits(job));
        let over = !jobs.iter().any(|job| job.outcome == JobOutcome::Running);
        Ok((JobList { jobs }.output(false), over))
    }

    fn fits(&self, job: &JobView) -> bool {
        let kind = self.kind.map(ListedKind::from);
        kind.is_none_or(|wanted| wanted == job.kind) && self.state.is_none_or(|wanted| wanted == State::of(job))
    }
}

/// Moves, and tables that come and go, oldest first.
fn listed(jobs: &[Job], procedures: &[ProcedureInfo], book: &AddressBook) -> Vec<JobView> {
    let steps: BTreeMap<Uuid, &str> = procedures.iter().map(|info| (info.id, info.step.as_str())).collect();
    let moved = jobs.iter().map(|job| {
        let view = JobView::new(job, book);
        match steps.get(&job.id) {
            Some(step) => JobView { step: (*step).to_owned(), ..view },
            None => view,
        }
    });
    let mut listed: Vec<JobView> = moved.chain(procedures.iter().filter_map(JobView::of_table)).collect();
    // Times of one form are in order as texts.
    listed.sort_by(|a, b| (&a.queued_at, a.id).cmp(&(&b.queued_at, b.id)));
    listed
}

/// `job`.
#[derive(Args, Clone, Debug)]
pub struct ShowJob {
    /// The job
    id: Uuid,
}

/// A job, and its procedure unless it is a move between disks.
#[derive(Serialize)]
struct JobAndProcedure {
    job: JobView,
    procedure: Option<ProcedureView>,
}

impl ShowJob {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        let Found { jobs, book } = find(context, None).await?;
        let job = jobs.into_iter().find(|job| job.id == self.id);
        if let Some(job) = job.as_ref().filter(|job| job.kind == JobKind::Disk) {
            let view = JobView::new(job, &book);
            let text = figures(job, &view);
            return Ok(Output::new(&JobAndProcedure { job: view, procedure: None }, text));
        }
        let info = watch_procedure::look(context, self.id).await.map_err(|error| known(self.id, error))?;
        let procedure = ProcedureView::new(&info, &book);
        let text = procedure.text(&info);
        let view = JobView::of_table(&info).or_else(|| Some(JobView::new(job.as_ref()?, &book)));
        let view = view.ok_or_else(|| unknown(self.id))?;
        let job = JobView { step: info.step, ..view };
        Ok(Output::new(&JobAndProcedure { job, procedure: Some(procedure) }, text))
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
        let Some(job) = jobs.into_iter().find(|job| job.id == self.id && job.kind == JobKind::Disk) else {
            let cancelled = context.meta(async |meta, deadline| meta.cancel_procedure(deadline, self.id).await).await;
            let info = cancelled.map_err(|error| known(self.id, error))?;
            let view = ProcedureView::new(&info, &book);
            return Ok(Output::new(&OneProcedure { procedure: view }, told(&info)));
        };
        let (address, name) = (book.name(job.node), JobName::Id(self.id));
        let job = context.node(&address, async |node, deadline| node.disk_migrate_cancel(deadline, name).await).await?;
        let text = format!("job {} of {} ends\nsee it end with: job {}", job.id, job.subject, job.id);
        Ok(Output::new(&OneJob { job: JobView::new(&job, &book) }, text))
    }
}

fn told(info: &ProcedureInfo) -> String {
    format!("job {} ends\nsee it end with: job {}", info.id, info.id)
}

/// The meta server knows no such procedure, and no node such a move.
fn known(id: Uuid, error: WireError) -> WireError {
    if error.code == ErrorCode::UnknownJob { unknown(id) } else { error }
}

fn unknown(id: Uuid) -> WireError {
    WireError::new(ErrorCode::UnknownJob, format!("nobody knows a job {id}"), "jobs lists all of them")
}
