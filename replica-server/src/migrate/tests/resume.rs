//! A copy that was cut short is gone on with: what was copied and verified is not copied again.

use common::fault::{self, Action, Point};
use common::job::JobOutcome;

use super::node::Node;

/// Two table files, the first on the lowest level and so never compacted with the other; nothing in memory.
fn tables(node: &Node) {
    node.fill(0, 600);
    node.host.storage().compact().unwrap();
    node.fill(600, 1200);
    node.host.storage().flush().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_were_verified_before_a_kill_are_not_copied_again() {
    let node = Node::new().stopping_on_error();
    tables(&node);
    let own = node.root.to_string_lossy().into_owned();
    // Every file is one piece: the process dies at the second.
    fault::arm(Point::MoveCopy, Action::Error, 2, &own);
    let job = node.submit("disk1", "disk2").await;
    let killed = node.ended(job).await;
    fault::disarm(&own);
    let copied = node.migrator.meters().copied_bytes();
    assert!(killed.is_running() && copied > 0 && killed.bytes_resumed == 0, "{killed:?}");
    let node = node.restart();
    let ended = node.ended(job).await;
    assert_eq!(ended.outcome, JobOutcome::Completed, "{:?}", ended.last_error);
    assert_eq!(ended.bytes_resumed, copied, "the first stood there, whole and verified");
    assert_eq!(node.migrator.meters().copied_bytes(), ended.bytes_done - copied, "only the rest was copied");
    assert_eq!(ended.bytes_total, ended.bytes_done);
    node.check_whole_on("disk2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_without_a_restart_resumes_nothing() {
    let node = Node::new();
    tables(&node);
    let job = node.moved("disk1", "disk2").await;
    assert_eq!((job.outcome, job.bytes_resumed), (JobOutcome::Completed, 0));
}
