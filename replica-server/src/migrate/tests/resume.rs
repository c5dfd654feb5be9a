//! A copy that was cut short is gone on with: what was copied and verified is not copied again.

use std::time::Duration;

use common::job::JobOutcome;
use common::rpc::node_admin::DiskMigrate;
use common::rpc::rates::RateChange;

use super::node::{G, Node};
use crate::disk::layout;
use crate::migrate::Manifest;

/// Two table files, the first on the lowest level and so never compacted with the other; nothing in memory.
fn tables(node: &Node) {
    node.fill(0, 600);
    node.host.storage().compact().unwrap();
    node.fill(600, 1200);
    node.host.storage().flush().unwrap();
}

/// Bytes of the table files that the copy's manifest speaks of.
fn noted(node: &Node) -> u64 {
    let tmp = layout::move_tmp_dir(node.disks.disk("disk2").unwrap().path(), G);
    Manifest::read(&tmp).map_or(0, |manifest| manifest.tables.values().map(|content| content.size).sum())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_were_verified_before_the_process_ended_are_not_copied_again() {
    let node = Node::new();
    tables(&node);
    // Each file takes about a second.
    let request = DiskMigrate { max_rate_bytes_per_s: Some(16 << 10), ..node.request("disk1", "disk2") };
    let job = node.migrator.submit(request).await.unwrap().id;
    for _ in 0..3000 {
        if noted(&node) > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    node.migrator.stop();
    assert!(node.ended(job).await.is_running());
    let resumed = noted(&node);
    assert!(resumed > 0, "the first file is copied and verified");
    let node = node.restart();
    node.migrator.set_rate(RateChange::Job(job, 0)).unwrap();
    let ended = node.ended(job).await;
    assert_eq!(ended.outcome, JobOutcome::Completed, "{:?}", ended.last_error);
    assert_eq!(ended.bytes_resumed, resumed);
    assert_eq!(node.migrator.meters().copied_bytes(), ended.bytes_done - resumed, "only the rest was copied");
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
