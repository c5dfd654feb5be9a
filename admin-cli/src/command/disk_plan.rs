//! Plans of moves between disks: asked of the meta server, submitted to the nodes as jobs, followed to their end.

use std::collections::BTreeSet;
use std::time::Duration;

use common::job::{Job, JobOutcome};
use common::rpc::disk_plan::{DiskPlan, DiskPlans, PlanRequest, PlannedMove};
use common::rpc::node_admin::DiskMigrate;
use common::rpc::{ErrorCode, WireError, WireResult};
use futures::future::join_all;
use uuid::Uuid;

use crate::context::Context;
use crate::output::Output;
use crate::time::size;
use crate::view::{AddressBook, Submitted, plans};

const POLL_EVERY: Duration = Duration::from_millis(300);
/// Polls in a row that may fail: a node may be restarting, and its jobs go on after it.
const FAILED_POLLS_MAX: u32 = 100;

/// What is done with a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// It is shown.
    Show,
    /// Its moves are submitted.
    Submit,
    /// … and followed to their end.
    Follow,
}

/// Asks for plans, does with them what is wanted, and shows it.
pub(super) async fn run(context: &Context, request: PlanRequest, action: Action) -> WireResult<Output> {
    let cluster = context.cluster().await?;
    let book = AddressBook::new(cluster.nodes.into_iter().map(|node| (node.peer_id, node.address)));
    let planned = context.meta(async |meta, deadline| meta.plan_disks(deadline, request.clone()).await).await?;
    let mut submitted = Vec::new();
    if action != Action::Show {
        for plan in &planned.plans {
            submitted.push(submit(context, &book.name(plan.node), plan, request.max_rate_bytes_per_s).await);
        }
    }
    if action == Action::Follow {
        let nodes = planned.plans.iter().map(|plan| book.name(plan.node));
        follow(context, &nodes.collect::<Vec<_>>(), &mut submitted).await?;
    }
    let finding = finding(&planned, &submitted);
    Ok(plans(&planned, &submitted, action == Action::Follow, &book).with_finding(finding))
}

/// Submits a plan's moves in its order. What is refused is noted, and the rest goes on.
async fn submit(context: &Context, node: &str, plan: &DiskPlan, max_rate: Option<u64>) -> Vec<Submitted> {
    let mut submitted = Vec::new();
    for work in &plan.moves {
        let request = migrate_request(work, max_rate);
        let answer = context.node(node, async |node, deadline| node.disk_migrate(deadline, request.clone()).await);
        submitted.push(answer.await);
    }
    submitted
}

fn migrate_request(work: &PlannedMove, max_rate_bytes_per_s: Option<u64>) -> DiskMigrate {
    let PlannedMove { gpid, source, target, .. } = work.clone();
    DiskMigrate { gpid, source, target, demote: true, max_rate_bytes_per_s, purge_origin: false }
}

/// Waits until all jobs that were accepted have ended, and notes how. Survives restarts of the nodes, as jobs do.
async fn follow(context: &Context, nodes: &[String], submitted: &mut [Vec<Submitted>]) -> WireResult<()> {
    let total = jobs(submitted).map(|job| job.bytes_total).sum();
    let progress = context.progress(total, "bytes copied");
    let mut failed_polls = 0;
    while jobs(submitted).any(Job::is_running) {
        tokio::time::sleep(POLL_EVERY).await;
        let polled = nodes.iter().zip(submitted.iter_mut()).map(|(node, jobs)| poll(context, node, jobs));
        match join_all(polled).await.into_iter().collect::<WireResult<()>>() {
            Ok(()) => failed_polls = 0,
            Err(error) if failed_polls < FAILED_POLLS_MAX => {
                progress.say(&format!("a node does not answer, its jobs go on without being watched: {error}"));
                failed_polls += 1;
            }
            Err(error) => return Err(unwatched(&error)),
        }
        let (ended, all) = (jobs(submitted).filter(|job| !job.is_running()).count(), jobs(submitted).count());
        let done = jobs(submitted).map(|job| job.bytes_done).sum();
        progress.total(jobs(submitted).map(|job| job.bytes_total).sum());
        progress.at(done);
        progress.say(&format!("{ended} of {all} moves ended, {} copied", size(done)));
    }
    progress.clear();
    Ok(())
}

fn jobs(submitted: &[Vec<Submitted>]) -> impl Iterator<Item = &Job> {
    submitted.iter().flatten().filter_map(|answer| answer.as_ref().ok())
}

async fn poll(context: &Context, node: &str, submitted: &mut [Submitted]) -> WireResult<()> {
    let open: BTreeSet<Uuid> = submitted.iter().flatten().filter(|job| job.is_running()).map(|job| job.id).collect();
    if open.is_empty() {
        return Ok(());
    }
    let now = context.node(node, async |node, deadline| node.jobs(deadline).await).await?;
    for job in submitted.iter_mut().flatten().filter(|job| open.contains(&job.id)) {
        if let Some(found) = now.iter().find(|found| found.id == job.id) {
            job.clone_from(found);
        }
    }
    Ok(())
}

/// What makes the command fail although it has a result.
fn finding(planned: &DiskPlans, submitted: &[Vec<Submitted>]) -> Option<WireError> {
    let refused: Vec<&WireError> = submitted.iter().flatten().filter_map(|answer| answer.as_ref().err()).collect();
    if let Some(first) = refused.first() {
        let all = submitted.iter().flatten().count();
        let message = format!("{} of {all} moves were refused; the first: {}", refused.len(), first.message);
        return Some(WireError::new(first.code, message, first.hint.clone()));
    }
    let ended = jobs(submitted).filter(|job| !job.is_running());
    let failed: Vec<&Job> = ended.filter(|job| job.outcome != JobOutcome::Completed).collect();
    if let Some(first) = failed.first() {
        let cause = first.last_error.as_deref().unwrap_or("no cause was recorded");
        let message = format!("{} moves did not complete; the first, of {}: {cause}", failed.len(), first.subject);
        let hint = format!("nothing is lost; see disk-migrate-report --id {}, then plan anew", first.id);
        return Some(WireError::new(ErrorCode::JobFailed, message, hint));
    }
    planned.unasked.first().map(|(_, error)| error.clone())
}

fn unwatched(error: &WireError) -> WireError {
    let hint = "the jobs are durable and go on: disk-migrate-report shows them";
    WireError::new(error.code, format!("lost sight of the moves: {error}"), hint)
}
