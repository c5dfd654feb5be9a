//! Moves that succeed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::job::{JobOutcome, JobState, LearnKind};
use common::types::{Decree, ReplicaStatus};

use super::node::{G, Node};
use crate::disk::{layout, read_seal};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_moves_with_all_its_data_and_its_job_tells_how() {
    let node = Node::new();
    node.fill(0, 2000);
    let job = node.moved("disk1", "disk2").await;
    assert_eq!((job.state, job.outcome), (JobState::Completed, JobOutcome::Completed), "{:?}", job.last_error);
    let states: Vec<_> = job.history.iter().map(|step| step.state).collect();
    let order = [
        JobState::Idle,
        JobState::Start,
        JobState::Moving,
        JobState::Moved,
        JobState::Closed,
        JobState::Learning,
        JobState::Completed,
    ];
    assert_eq!(states, order);
    assert_eq!((job.percent(), job.learn_kind, job.last_error), (100, Some(LearnKind::Log), None));
    assert!(job.window_ms.is_some() && job.bytes_done > 0 && job.finished_at_ms.is_some());
    node.check_whole_on("disk2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_origin_is_kept_and_nothing_else_is_left() {
    let node = Node::new();
    node.fill(0, 100);
    node.moved("disk1", "disk2").await;
    let [first, second] = ["disk1", "disk2"].map(|tag| node.disks.disk(tag).unwrap().path().to_owned());
    assert!(layout::origin_dir(&first, G).is_dir());
    assert_eq!(std::fs::read_dir(layout::checkpoints_dir(&first)).unwrap().count(), 0);
    assert!(!layout::move_tmp_dir(&second, G).exists());
    let trash = node.disks.trash();
    assert_eq!(trash.len(), 1);
    assert!(trash[0].since_ms.is_some());
    assert_eq!(read_seal(&layout::replica_dir(&second, G)).unwrap().last, Decree(100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_moves_while_it_is_written_there_and_back_again() {
    let node = Node::new();
    node.fill(0, 500);
    let (stop, host) = (Arc::new(AtomicBool::new(false)), Arc::clone(&node.host));
    let writing = Arc::clone(&stop);
    let writer = std::thread::spawn(move || {
        for n in 0.. {
            if writing.load(Ordering::Relaxed) {
                return;
            }
            host.write(&format!("live{n:07}"), &[7; 300]);
        }
    });
    for (source, target) in [("disk1", "disk2"), ("disk2", "disk1"), ("disk1", "disk2")] {
        let job = node.moved(source, target).await;
        assert_eq!(job.outcome, JobOutcome::Completed, "{:?}", job.last_error);
        assert_eq!(node.live_on(), [target]);
    }
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    node.check_whole_on("disk2");
    // What a move found of earlier ones lost its plain name to the job.
    let kinds: Vec<_> = node.disks.trash().iter().map(|trash| format!("{:?}", trash.kind)).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "Origin").count(), 1, "{kinds:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_copied_or_flushed_once_the_replica_left() {
    let node = Node::new();
    node.fill(0, 1000);
    let source = node.host.storage();
    let job = node.submit("disk1", "disk2").await;
    node.ended(job).await;
    let calls = node.cluster.lock().calls.clone();
    let left = calls.iter().position(|call| *call == "leave").unwrap();
    assert_eq!(calls[left..], ["leave", "close", "open", "rejoin", "wait_member", "unlock"]);
    // The copy opened at the decree of its last round; the closed source had not flushed more than that.
    let origin = layout::origin_dir(node.disks.disk("disk1").unwrap().path(), G);
    assert!(
        crate::storage::Storage::read_applied(&layout::rdb_dir(&origin)).unwrap().decree <= source.applied().decree
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_hands_over_first_and_gets_its_role_back() {
    let node = Node::new();
    node.fill(0, 10);
    node.host.set_status(ReplicaStatus::Primary);
    let job = node.moved("disk1", "disk2").await;
    assert!(job.was_primary && job.outcome == JobOutcome::Completed);
    assert_eq!(node.host.status().unwrap().1, ReplicaStatus::Primary);
    node.check_whole_on("disk2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compaction_of_the_source_is_held_back_only_during_the_rounds() {
    let node = Node::new();
    // More than 8 MiB, so that there is a second round.
    for n in 0..3000_u64 {
        let value: Vec<u8> =
            (0..500).flat_map(|m| (n * 1_000_003 + m).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes()).collect();
        node.host.write(&format!("big{n:06}"), &value);
    }
    let job = node.moved("disk1", "disk2").await;
    assert_eq!(job.outcome, JobOutcome::Completed, "{:?}", job.last_error);
    assert!(job.bytes_done > 8 << 20, "{}", job.bytes_done);
    node.check_whole_on("disk2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_only_replica_of_a_table_moves_as_primary_and_takes_its_log_along() {
    let node = Node::new();
    node.cluster.lock().sole = true;
    node.host.set_status(ReplicaStatus::Primary);
    node.fill(0, 300);
    let job = node.moved("disk1", "disk2").await;
    assert_eq!(job.outcome, JobOutcome::Completed, "{:?}", job.last_error);
    let calls = node.cluster.lock().calls.clone();
    assert_eq!(calls, ["lock", "leave", "close", "copy_tail", "open", "rejoin", "wait_member", "unlock"]);
    assert_eq!(node.host.status().unwrap().1, ReplicaStatus::Primary);
    node.check_whole_on("disk2");
}
