//! The process dies at every step of a move and is started again.

use common::fault::{self, Action, Point};
use common::job::{JobOutcome, JobState};
use common::rpc::ErrorCode;
use common::types::ReplicaStatus;

use super::node::Node;

const POINTS: [Point; 13] = [
    Point::MoveCheckpoint,
    Point::MoveRead,
    Point::MoveCopy,
    Point::MoveSync,
    Point::MoveVerify,
    Point::MoveMoved,
    Point::MoveLeft,
    Point::MoveSeal,
    Point::MoveRenameTarget,
    Point::MoveRenameOrigin,
    Point::MoveRenamed,
    Point::MoveLearning,
    Point::MoveCompleted,
];

/// The job's driver stops dead at the point.
async fn die_at(node: &Node, point: Point) -> uuid::Uuid {
    let own = node.root.to_string_lossy().into_owned();
    fault::arm(point, Action::Error, 1, &own);
    let job = node.submit("disk1", "disk2").await;
    let stopped = node.ended(job).await;
    fault::disarm(&own);
    assert!(stopped.is_running(), "the job ended at {}", point.name());
    job
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_killed_at_any_step_ends_healthy_on_exactly_one_disk() {
    for point in POINTS {
        let node = Node::new().stopping_on_error();
        node.fill(0, 1000);
        let job = die_at(&node, point).await;
        node.fill(1000, 1500);
        let node = node.restart();
        let job = node.ended(job).await;
        assert_eq!(job.outcome, JobOutcome::Completed, "{}: {:?}", point.name(), job.last_error);
        node.check_whole_on("disk2");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_only_replica_of_a_table_survives_a_kill_at_any_step_of_its_window() {
    for point in
        [Point::MoveLeft, Point::MoveSeal, Point::MoveRenameTarget, Point::MoveRenameOrigin, Point::MoveLearning]
    {
        let node = Node::new().stopping_on_error();
        node.cluster.lock().sole = true;
        node.host.set_status(ReplicaStatus::Primary);
        node.fill(0, 300);
        let job = die_at(&node, point).await;
        let node = node.restart();
        assert_eq!(node.ended(job).await.outcome, JobOutcome::Completed, "{}", point.name());
        node.check_whole_on("disk2");
    }
}

/// The table's only replica on disk1, its job failing at the point until it gives the origin back.
async fn only_replica_turned_back_at(point: Point) -> Node {
    let node = Node::new();
    node.cluster.lock().sole = true;
    node.host.set_status(ReplicaStatus::Primary);
    node.fill(0, 300);
    let own = node.root.to_string_lossy().into_owned();
    fault::arm(point, Action::Error, 1, &own);
    let job = node.moved("disk1", "disk2").await;
    fault::disarm(&own);
    assert_eq!(job.outcome, JobOutcome::Failed, "{}", point.name());
    assert!(job.last_error.unwrap().contains("the origin is restored"), "{}", point.name());
    node
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_only_replica_whose_target_fails_in_the_window_serves_again_from_its_origin() {
    for point in
        [Point::MoveSeal, Point::MoveRenameTarget, Point::MoveRenameOrigin, Point::MoveRenamed, Point::MoveLearning]
    {
        let node = only_replica_turned_back_at(point).await;
        node.check_whole_on("disk1");
        assert_eq!(node.moved("disk1", "disk2").await.outcome, JobOutcome::Completed, "{}", point.name());
        node.check_whole_on("disk2");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_only_replica_comes_back_after_a_kill_between_turning_back_and_its_end() {
    for call in ["copy_tail_home", "open"] {
        let node = Node::new().stopping_on_error();
        node.cluster.lock().sole = true;
        node.host.set_status(ReplicaStatus::Primary);
        node.fill(0, 300);
        let job = die_at(&node, Point::MoveRenameTarget).await;
        let own = node.root.to_string_lossy().into_owned();
        fault::arm(Point::MoveLearning, Action::Error, 1, &own);
        node.cluster.lock().failing.insert(call, ErrorCode::Internal);
        let node = node.restart();
        node.failed_after("end_move", call).await;
        node.stop().await;
        fault::disarm(&own);
        node.cluster.lock().failing.clear();
        let node = node.restart();
        assert_eq!(node.ended(job).await.outcome, JobOutcome::Failed, "{call}");
        node.check_whole_on("disk1");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_does_not_reach_the_end_of_the_only_replica_gives_the_origin_back() {
    let node = Node::new();
    node.cluster.lock().sole = true;
    node.host.set_status(ReplicaStatus::Primary);
    node.fill(0, 100);
    node.cluster.lock().failing.insert("copy_tail", ErrorCode::Corruption);
    let job = node.moved("disk1", "disk2").await;
    assert_eq!(job.outcome, JobOutcome::Failed);
    node.check_whole_on("disk1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_killed_twice_ends_healthy_too() {
    for second in [Point::MoveSeal, Point::MoveRenameOrigin, Point::MoveLearning] {
        let node = Node::new().stopping_on_error();
        node.fill(0, 500);
        let job = die_at(&node, Point::MoveLeft).await;
        let own = node.root.to_string_lossy().into_owned();
        fault::arm(second, Action::Error, 1, &own);
        let node = node.stopping_on_error();
        assert!(node.ended(job).await.is_running());
        fault::disarm(&own);
        node.fill(500, 600);
        let node = node.restart();
        assert_eq!(node.ended(job).await.outcome, JobOutcome::Completed);
        node.check_whole_on("disk2");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_whose_process_died_gets_its_role_back() {
    let node = Node::new().stopping_on_error();
    node.fill(0, 100);
    node.host.set_status(ReplicaStatus::Primary);
    let job = die_at(&node, Point::MoveCopy).await;
    let node = node.restart();
    assert_eq!(node.ended(job).await.outcome, JobOutcome::Completed);
    assert_eq!(node.host.status().unwrap().1, ReplicaStatus::Primary);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_was_cut_short_is_resumed() {
    let node = Node::new().stopping_on_error();
    node.fill(0, 20_000);
    let job = die_at(&node, Point::MoveMoved).await;
    let before = node.migrator.job(job).unwrap().bytes_done;
    let node = node.restart();
    let job = node.ended(job).await;
    assert_eq!(job.outcome, JobOutcome::Completed);
    assert_eq!(job.bytes_done, before, "MOVED is not copied again");
    node.check_whole_on("disk2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_before_closed_changes_nothing_and_its_cause_is_kept() {
    let points =
        [Point::MoveCheckpoint, Point::MoveRead, Point::MoveCopy, Point::MoveSync, Point::MoveVerify, Point::MoveMoved];
    for point in points {
        let node = Node::new();
        node.fill(0, 1000);
        node.host.set_status(ReplicaStatus::Primary);
        let own = node.root.to_string_lossy().into_owned();
        fault::arm(point, Action::Error, 1, &own);
        let job = node.moved("disk1", "disk2").await;
        fault::disarm(&own);
        assert_eq!((job.state, job.outcome), (JobState::Idle, JobOutcome::Failed));
        assert!(job.last_error.unwrap().contains("Input/output error"));
        node.check_whole_on("disk1");
        assert_eq!(node.host.status().unwrap().1, ReplicaStatus::Primary, "handed back at every ending");
        assert!(node.disks.trash().is_empty(), "{:?}", node.disks.trash());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_byte_that_turns_over_in_the_copy_is_found_before_moved() {
    let node = Node::new();
    node.fill(0, 1000);
    let own = node.root.to_string_lossy().into_owned();
    fault::arm(Point::MoveVerify, Action::Flip, 1, &own);
    let job = node.moved("disk1", "disk2").await;
    fault::disarm(&own);
    assert_eq!((job.state, job.outcome), (JobState::Idle, JobOutcome::Failed));
    assert!(job.history.iter().all(|step| step.state != JobState::Moved));
    assert!(job.last_error.clone().unwrap().contains("reads back differently"), "{:?}", job.last_error);
    node.check_whole_on("disk1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_fails_after_the_replica_left_gives_the_origin_back() {
    let node = Node::new();
    node.fill(0, 200);
    let own = node.root.to_string_lossy().into_owned();
    fault::arm(Point::MoveSeal, Action::Error, 1, &own);
    let job = node.moved("disk1", "disk2").await;
    fault::disarm(&own);
    assert_eq!(job.outcome, JobOutcome::Failed);
    assert!(job.last_error.unwrap().contains("the origin is restored"));
    assert_eq!(node.live_on(), ["disk1"]);
    let cluster = node.cluster.lock();
    assert_eq!((cluster.moving, cluster.locked), (None, None));
    assert_eq!(node.host.status().unwrap().1, ReplicaStatus::Inactive, "it waits for a new incarnation");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_origin_that_cannot_be_renamed_does_not_stop_the_job() {
    let node = Node::new();
    node.fill(0, 200);
    // Something stands where the origin would go: made after START, as a broken disk would behave.
    let own = node.root.to_string_lossy().into_owned();
    fault::arm(Point::MoveRenameOrigin, Action::Error, 1, &own);
    let job = node.submit("disk1", "disk2").await;
    let mut changes = node.migrator.changes();
    while node.migrator.job(job).unwrap().retries == 0 {
        changes.changed().await.unwrap();
    }
    fault::disarm(&own);
    assert_eq!(node.ended(job).await.outcome, JobOutcome::Completed);
    node.check_whole_on("disk2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_home_disk_that_refuses_from_any_write_on_costs_at_most_the_job() {
    for nth in 2..=9 {
        let node = Node::new();
        node.fill(0, 200);
        let own = node.root.to_string_lossy().into_owned();
        fault::arm(Point::JobWrite, Action::Error, nth, &own);
        let job = node.submit("disk1", "disk2").await;
        let ended = node.ended(job).await;
        fault::disarm(&own);
        let disk = if ended.outcome == JobOutcome::Completed { "disk2" } else { "disk1" };
        node.check_whole_on(disk);
        node.migrator.stop();
        // What was stored is older than what was done.
        let node = node.restart();
        node.fill(200, 210);
        let again = node.ended(job).await;
        assert!(!again.is_running(), "{nth}");
        let disk = if again.outcome == JobOutcome::Completed { "disk2" } else { disk };
        node.check_whole_on(disk);
    }
}
