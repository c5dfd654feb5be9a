//! `disk-migrate-report`: jobs from the nodes themselves where they answer, else from the meta server's copy.

use std::collections::BTreeMap;

use clap::Args;
use common::job::{Job, JobKind};
use common::rpc::{ErrorCode, WireError, WireResult};
use common::types::{Gpid, PeerId};
use futures::future::join_all;
use uuid::Uuid;

use crate::args::NodeName;
use crate::context::Context;
use crate::output::Output;
use crate::view::{AddressBook, JobView, Jobs};
use crate::watch::watch;

/// `disk-migrate-report`.
#[derive(Args, Clone, Debug)]
pub struct Report {
    /// Only moves on this node, as host:port or peer id
    #[arg(short, long)]
    node: Option<NodeName>,
    /// Only moves of this partition
    #[arg(short, long)]
    gpid: Option<Gpid>,
    /// Only this job, with its history
    #[arg(long)]
    id: Option<Uuid>,
    /// Draw it again every second until none of them runs any more, or Ctrl-C; with --json one document at the end
    #[arg(long)]
    watch: bool,
}

impl Report {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        if self.watch {
            return watch(context, async || self.look(context).await).await;
        }
        Ok(self.look(context).await?.0)
    }

    /// The report, and whether none of its jobs runs any more.
    async fn look(&self, context: &Context) -> WireResult<(Output, bool)> {
        let only = match &self.node {
            Some(name) => Some(context.find_node(name).await?.peer_id),
            None => None,
        };
        let Found { mut jobs, book } = find(context, only).await?;
        jobs.retain(|job| job.kind == JobKind::Disk);
        self.output(jobs, &book)
    }

    fn output(&self, mut jobs: Vec<Job>, book: &AddressBook) -> WireResult<(Output, bool)> {
        jobs.retain(|job| self.gpid.is_none_or(|gpid| gpid == job.subject) && self.id.is_none_or(|id| id == job.id));
        if let (Some(id), true) = (self.id, jobs.is_empty()) {
            let hint = "disk-migrate-report without --id lists all jobs";
            return Err(WireError::new(ErrorCode::UnknownJob, format!("no node knows a job {id}"), hint));
        }
        let over = !jobs.iter().any(Job::is_running);
        let jobs = jobs.iter().map(|job| JobView::new(job, book)).collect();
        Ok((Jobs { jobs }.output(self.id.is_some()), over))
    }
}

/// Jobs, and the addresses of their nodes.
pub(super) struct Found {
    /// Oldest first.
    pub(super) jobs: Vec<Job>,
    pub(super) book: AddressBook,
}

/// All jobs, or those of a node: as the nodes tell of moves between their disks, and as the meta server knows the rest.
pub(super) async fn find(context: &Context, only: Option<PeerId>) -> WireResult<Found> {
    let cluster = context.cluster().await?;
    let mut jobs = copies(context, only).await?;
    let alive = cluster.nodes.iter().filter(|node| node.alive && only.is_none_or(|peer| peer == node.peer_id));
    for answer in join_all(alive.map(|node| of_node(context, &node.address))).await {
        // A node that does not answer in time is represented by the copy.
        jobs.extend(answer.unwrap_or_default().into_iter().map(|job| (job.id, job)));
    }
    let mut jobs: Vec<Job> = jobs.into_values().collect();
    jobs.sort_by_key(|job| (job.queued_at_ms, job.id));
    let book = AddressBook::new(cluster.nodes.into_iter().map(|node| (node.peer_id, node.address)));
    Ok(Found { jobs, book })
}

/// The meta server's copies, by id.
async fn copies(context: &Context, node: Option<PeerId>) -> WireResult<BTreeMap<Uuid, Job>> {
    let jobs = context.meta(async |meta, deadline| meta.jobs(deadline, node).await).await?;
    Ok(jobs.into_iter().map(|job| (job.id, job)).collect())
}

async fn of_node(context: &Context, address: &str) -> WireResult<Vec<Job>> {
    context.node(address, async |node, deadline| node.jobs(deadline).await).await
}
