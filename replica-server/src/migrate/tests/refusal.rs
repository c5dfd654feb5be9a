//! Moves that are refused, cancelled, or cannot be.

use std::sync::atomic::Ordering;

use common::fault::{self, Action, Point};
use common::job::{Job, JobOutcome, JobState};
use common::rpc::ErrorCode;
use common::rpc::node_admin::{DiskMigrate, JobName};
use common::rpc::rates::RateChange;
use common::types::ReplicaStatus;
use uuid::Uuid;

use super::node::Node;

/// A node whose copy of a replica has begun, and takes days.
async fn copying() -> (Node, Uuid) {
    let node = Node::new();
    node.fill(0, 2000);
    let id = node.migrator.submit(slow(&node)).await.unwrap().id;
    node.in_state(id, JobState::Moving).await;
    (node, id)
}

/// Nothing has changed by the job, and it tells why.
fn failed_for(job: &Job, why: &str) {
    assert_eq!((job.state, job.outcome), (JobState::Idle, JobOutcome::Failed));
    assert!(job.last_error.as_ref().unwrap().contains(why), "{job:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_request_leaves_no_job() {
    let node = Node::new();
    let refused = node.migrator.submit(node.request("disk2", "disk1")).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::NotOnDisk);
    assert!(node.migrator.jobs().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_move_of_the_same_replica_is_told_of_the_first() {
    let node = Node::new();
    node.fill(0, 2000);
    let first = node.migrator.submit(slow(&node)).await.unwrap().id;
    let refused = node.migrator.submit(node.request("disk1", "disk2")).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::AlreadyMigrating);
    assert!(refused.message.contains(&first.to_string()), "{refused}");
    node.migrator.set_rate(RateChange::Job(first, 0)).unwrap();
    assert_eq!(node.ended(first).await.outcome, JobOutcome::Completed, "the rate is changed while it runs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_was_collected_before_its_turn_came_is_not_waited_for() {
    let node = Node::new();
    let host = node.host.clone();
    node.cluster.lock().hook = Some(("lock", Box::new(move || host.collect())));
    let job = node.moved("disk1", "disk2").await;
    failed_for(&job, "no longer on disk1");
    assert_eq!(node.cluster.lock().locked, None, "the partition is free for its cure");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_that_lost_members_is_left_to_its_cure() {
    for (call, status) in [("lock", ReplicaStatus::Secondary), ("demote", ReplicaStatus::Primary)] {
        let node = Node::new();
        node.host.set_status(status);
        let lost = node.cluster.lock().lost.clone();
        node.cluster.lock().failing.insert("demote", ErrorCode::NotReady);
        node.cluster.lock().hook = Some((call, Box::new(move || lost.store(2, Ordering::SeqCst))));
        let job = node.moved("disk1", "disk2").await;
        failed_for(&job, "only 1 members are left");
        assert_eq!(node.cluster.lock().locked, None, "the partition is free for its cure");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_under_way_gives_way_to_the_cure_of_a_partition_that_refuses_writes() {
    let (node, id) = copying().await;
    node.stop().await;
    node.cluster.lock().lost.store(2, Ordering::SeqCst);
    let node = node.restart();
    let job = node.ended(id).await;
    failed_for(&job, "only 1 members are left");
    node.check_whole_on("disk1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_was_replaced_meanwhile_is_not_waited_for_and_not_copied_on() {
    for restarted in [false, true] {
        let mut node = Node::new();
        node.host.set_status(ReplicaStatus::Primary);
        node.fill(0, 2000);
        let id = node.migrator.submit(slow(&node)).await.unwrap().id;
        node.in_state(id, JobState::Moving).await;
        if restarted {
            node.stop().await;
            node.replace_copy();
            node = node.restart();
        } else {
            node.replace_copy();
        }
        let job = node.ended(id).await;
        failed_for(&job, "complete without this copy");
        let cluster = node.cluster.lock();
        assert_eq!(cluster.locked, None, "the partition is free for its cure");
        assert!(!cluster.calls.contains(&"hand_back"), "it has no role to be handed the primary");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_copy_that_was_lost_and_replaced_does_not_keep_its_job_until_the_deadline() {
    let node = Node::new();
    node.fill(0, 100);
    node.cluster.lock().failing.insert("wait_member", ErrorCode::NotMember);
    let job = node.submit("disk1", "disk2").await;
    node.failed_after("wait_member", "rejoin").await;
    assert!(node.migrator.job(job).unwrap().is_running(), "it may be taken in yet");
    node.replace_copy();
    let job = node.ended(job).await;
    assert_eq!(job.outcome, JobOutcome::Failed);
    assert!(job.last_error.as_ref().unwrap().contains("complete without this copy"), "{job:?}");
    assert_eq!(node.cluster.lock().locked, None, "the partition is free for its cure");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_under_way_stops_in_mid_file_for_a_partition_that_refuses_writes() {
    let (node, id) = copying().await;
    node.cluster.lock().lost.store(2, Ordering::SeqCst);
    let job = node.ended(id).await;
    failed_for(&job, "only 1 members are left");
    node.check_whole_on("disk1");
}

/// A byte per second: it would take days.
pub(super) fn slow(node: &Node) -> DiskMigrate {
    DiskMigrate { max_rate_bytes_per_s: Some(1), ..node.request("disk1", "disk2") }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_copy_stops_and_leaves_nothing() {
    let (node, job) = copying().await;
    node.migrator.cancel(JobName::Id(job)).unwrap();
    let ended = node.ended(job).await;
    assert_eq!((ended.state, ended.outcome), (JobState::Idle, JobOutcome::Cancelled));
    node.check_whole_on("disk1");
    assert!(node.disks.trash().is_empty());
    assert_eq!(node.migrator.cancel(JobName::Id(job)).unwrap_err().code, ErrorCode::JobEnded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_process_goes_on_with_its_copy_later() {
    let node = Node::new();
    node.fill(0, 2000);
    let job = node.migrator.submit(slow(&node)).await.unwrap().id;
    node.migrator.stop();
    assert!(node.ended(job).await.is_running());
    let node = node.restart();
    node.migrator.set_rate(RateChange::Job(job, 0)).unwrap();
    assert_eq!(node.ended(job).await.outcome, JobOutcome::Completed);
    node.check_whole_on("disk2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_stops_does_not_wait_for_a_primary_that_is_asked_and_silent() {
    let node = Node::new();
    node.fill(0, 100);
    node.cluster.lock().silent = true;
    let job = node.submit("disk1", "disk2").await;
    node.in_state(job, JobState::Moved).await;
    node.stop().await;
    assert!(node.migrator.job(job).unwrap().is_running(), "it goes on after the next start");
    node.cluster.lock().silent = false;
    let node = node.restart();
    assert_eq!(node.ended(job).await.outcome, JobOutcome::Completed);
    node.check_whole_on("disk2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_meta_server_that_is_away_lets_the_job_fail_without_a_trace() {
    for call in ["lock", "leave"] {
        let node = Node::new();
        node.fill(0, 100);
        node.cluster.lock().failing.insert(call, ErrorCode::JobFailed);
        let job = node.moved("disk1", "disk2").await;
        failed_for(&job, call);
        node.check_whole_on("disk1");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passing_trouble_is_waited_out() {
    let node = Node::new();
    node.fill(0, 100);
    node.cluster.lock().failing.insert("wait_member", ErrorCode::NotReady);
    let job = node.submit("disk1", "disk2").await;
    let mut changes = node.migrator.changes();
    while node.migrator.job(job).unwrap().retries < 2 {
        changes.changed().await.unwrap();
    }
    node.cluster.lock().failing.clear();
    let job = node.ended(job).await;
    assert_eq!((job.outcome, job.last_error), (JobOutcome::Completed, None));
    assert!(job.retries >= 2);
    node.check_whole_on("disk2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_cannot_be_stored_is_not_accepted() {
    let node = Node::new();
    let own = node.root.to_string_lossy().into_owned();
    fault::arm(Point::JobWrite, Action::NoSpace, 1, &own);
    let refused = node.migrator.submit(node.request("disk1", "disk2")).await.unwrap_err();
    fault::disarm(&own);
    assert_eq!(refused.code, ErrorCode::DiskIoError);
    assert!(node.migrator.jobs().is_empty());
}

/// A file system of four megabytes, unmounted at the end. `None` where this user may not mount.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn at(path: std::path::PathBuf) -> Option<Self> {
        std::fs::create_dir_all(&path).unwrap();
        let mount =
            std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(&path).output();
        mount.is_ok_and(|output| output.status.success()).then_some(Self(path))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_fills_up_changes_nothing_and_is_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let Some(small) = SmallDisk::at(dir.path().join("disk2")) else {
        eprintln!("passed over: mounting a tmpfs needs root");
        return;
    };
    let node = Node::new_in(dir);
    node.fill(0, 100);
    // It fits when the job is accepted; meanwhile somebody else fills the disk.
    let job = node.migrator.submit(slow(&node)).await.unwrap().id;
    node.in_state(job, JobState::Moving).await;
    assert!(std::fs::write(small.0.join("somebody-else"), vec![1; 5 << 20]).is_err());
    node.migrator.set_rate(RateChange::Job(job, 0)).unwrap();
    let job = node.ended(job).await;
    assert_eq!(job.outcome, JobOutcome::Failed);
    assert!(job.last_error.clone().unwrap().contains("No space left"), "{:?}", job.last_error);
    node.check_whole_on("disk1");
    assert!(node.disks.trash().is_empty(), "the copy gives its space back");
    let refused = node.migrator.submit(node.request("disk1", "disk2")).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::DiskSpaceInsufficient);
    std::fs::remove_file(small.0.join("somebody-else")).unwrap();
    node.disks.poll();
    assert_eq!(node.moved("disk1", "disk2").await.outcome, JobOutcome::Completed, "it recovers by itself");
    node.check_whole_on("disk2");
    drop((node, small));
}
