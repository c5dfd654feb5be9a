//! What operators ask of moves: cancel, rates, purge.

use std::sync::Arc;
use std::time::Duration;

use common::job::{Job, JobOutcome, JobState, ThrottledBy};
use common::rpc::ErrorCode;
use common::rpc::node_admin::{DiskMigrate, JobName};
use common::rpc::rates::RateChange;
use common::types::{Gpid, ReplicaStatus};
use uuid::Uuid;

use super::node::{G, Node};
use super::refusal::slow;
use crate::disk::layout;

const OTHER: Gpid = Gpid::new(2, 0);

/// Waits until the job is as it should be.
async fn seen(node: &Node, job: Uuid, what: impl Fn(&Job) -> bool) -> Job {
    let mut changes = node.migrator.changes();
    loop {
        let now = node.migrator.job(job).unwrap();
        if what(&now) {
            return now;
        }
        tokio::time::timeout(Duration::from_secs(30), changes.changed()).await.expect("it never is").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queued_move_is_cancelled_at_once() {
    let node = Node::new();
    node.fill(0, 500);
    let first = node.migrator.submit(slow(&node)).await.unwrap().id;
    let queued = node.migrator.submit(DiskMigrate { gpid: OTHER, ..slow(&node) }).await.unwrap().id;
    assert_eq!(node.migrator.load().1, 1);
    let cancelled = node.migrator.cancel(JobName::Of(OTHER)).unwrap();
    assert_eq!((cancelled.id, cancelled.outcome, cancelled.started_at_ms), (queued, JobOutcome::Cancelled, None));
    assert_eq!(node.migrator.load().1, 0);
    node.migrator.cancel(JobName::Of(G)).unwrap();
    assert_eq!(node.ended(first).await.outcome, JobOutcome::Cancelled);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_is_durable_before_it_is_answered() {
    let node = Node::new();
    node.fill(0, 500);
    let job = node.migrator.submit(slow(&node)).await.unwrap().id;
    seen(&node, job, |job| job.state == JobState::Moving).await;
    assert_eq!(node.migrator.cancel(JobName::Id(job)).unwrap().id, job);
    // Told twice, it is still ending or has ended.
    let again = node.migrator.cancel(JobName::Id(job));
    assert!(again.is_ok() || again.is_err_and(|error| error.code == ErrorCode::JobEnded));
    node.migrator.stop();
    node.ended(job).await;
    let node = node.restart();
    assert_eq!(node.ended(job).await.outcome, JobOutcome::Cancelled);
    node.check_whole_on("disk1");
    assert!(node.disks.trash().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn past_the_point_of_no_return_a_cancel_is_refused_and_the_move_goes_on() {
    let node = Node::new();
    node.fill(0, 100);
    node.cluster.lock().failing.insert("wait_member", ErrorCode::NotReady);
    let job = node.submit("disk1", "disk2").await;
    seen(&node, job, |job| job.state == JobState::Learning).await;
    assert_eq!(node.migrator.cancel(JobName::Id(job)).unwrap_err().code, ErrorCode::NotCancellable);
    node.cluster.lock().failing.clear();
    assert_eq!(node.ended(job).await.outcome, JobOutcome::Completed);
    node.check_whole_on("disk2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_of_what_does_not_run_says_what_is_the_matter() {
    let node = Node::new();
    node.fill(0, 100);
    let cancel = |name| node.migrator.cancel(name).unwrap_err();
    assert_eq!(cancel(JobName::Id(Uuid::from_u128(9))).code, ErrorCode::UnknownJob);
    assert_eq!(cancel(JobName::Of(G)).code, ErrorCode::NotMigrating);
    let job = node.moved("disk1", "disk2").await;
    assert_eq!(cancel(JobName::Id(job.id)).code, ErrorCode::JobEnded);
    let error = cancel(JobName::Of(G));
    assert_eq!(error.code, ErrorCode::NotMigrating);
    assert!(error.hint.contains(&job.id.to_string()), "{error:?}");
}

/// Lets seconds pass until the job says what holds it back.
async fn held_back(node: &Node, job: Uuid, by: ThrottledBy) {
    for _ in 0..500 {
        node.migrator.second(None, 0);
        if node.migrator.job(job).unwrap().throttled_by == Some(by) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{:?} is not {by}", node.migrator.job(job).unwrap().throttled_by);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_shows_which_limit_holds_it_back() {
    let node = Node::new();
    node.fill(0, 2000);
    let job = node.migrator.submit(slow(&node)).await.unwrap().id;
    held_back(&node, job, ThrottledBy::RateLimit).await;
    assert!(node.migrator.meters().throttled().any(|(by, time)| by == ThrottledBy::RateLimit && !time.is_zero()));
    node.migrator.set_rate(RateChange::Node(1)).unwrap();
    assert_eq!(node.migrator.set_rate(RateChange::Job(job, 0)).unwrap().jobs.len(), 1);
    held_back(&node, job, ThrottledBy::NodeLimit).await;
    let rates = node.migrator.set_rate(RateChange::NodeDefault).unwrap();
    assert_eq!((rates.max_rate_bytes_per_s, rates.changed), (0, false));
    let ended = node.ended(job).await;
    assert_eq!((ended.outcome, ended.throttled_by), (JobOutcome::Completed, None));
    assert_eq!(node.migrator.meters().copied_bytes(), ended.bytes_done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_of_a_node_holds_for_jobs_that_had_begun_and_after_a_restart() {
    let node = Node::new();
    node.fill(0, 2000);
    node.migrator.set_rate(RateChange::Node(1)).unwrap();
    let job = node.submit("disk1", "disk2").await;
    held_back(&node, job, ThrottledBy::NodeLimit).await;
    node.migrator.stop();
    node.ended(job).await;
    let node = node.restart();
    let rates = node.migrator.rates();
    assert_eq!((rates.max_rate_bytes_per_s, rates.changed), (1, true));
    held_back(&node, job, ThrottledBy::NodeLimit).await;
    node.migrator.set_rate(RateChange::NodeDefault).unwrap();
    assert_eq!(node.ended(job).await.outcome, JobOutcome::Completed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purged_origin_is_gone_when_the_job_has_ended_and_others_keep_theirs() {
    for purge_origin in [true, false] {
        let node = Node::new();
        node.fill(0, 300);
        let request = DiskMigrate { purge_origin, ..node.request("disk1", "disk2") };
        let job = node.migrator.submit(request).await.unwrap().id;
        let job = node.ended(job).await;
        assert_eq!((job.outcome, job.last_error.as_deref()), (JobOutcome::Completed, None));
        assert_eq!(node.disks.trash().is_empty(), purge_origin);
        node.check_whole_on("disk2");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_between_completed_and_the_purge_purges_later() {
    let node = Node::new();
    node.fill(0, 300);
    let migrator = Arc::clone(&node.migrator);
    // The last thing before the purge.
    node.cluster.lock().hook = Some(("unlock", Box::new(move || migrator.stop())));
    let request = DiskMigrate { purge_origin: true, ..node.request("disk1", "disk2") };
    let job = node.migrator.submit(request).await.unwrap().id;
    let stopped = node.ended(job).await;
    assert!(stopped.is_running() && stopped.state == JobState::Completed, "{stopped:?}");
    let origin = layout::origin_dir(node.disks.disk("disk1").unwrap().path(), G);
    assert!(origin.is_dir());
    node.cluster.lock().hook = None;
    let node = node.restart();
    assert_eq!(node.ended(job).await.outcome, JobOutcome::Completed);
    assert!(!origin.exists() && node.disks.trash().is_empty());
    node.check_whole_on("disk2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_table_of_one_replica_pauses_its_writes() {
    for sole in [true, false] {
        let node = Node::new();
        node.cluster.lock().sole = sole;
        node.host.set_status(if sole { ReplicaStatus::Primary } else { ReplicaStatus::Secondary });
        node.fill(0, 100);
        let job = node.moved("disk1", "disk2").await;
        assert_eq!(job.outcome, JobOutcome::Completed, "{:?}", job.last_error);
        assert_eq!(job.write_pause_ms.is_some(), sole);
        assert!(job.write_pause_ms.is_none_or(|pause| pause >= job.window_ms.unwrap()), "{job:?}");
    }
}
