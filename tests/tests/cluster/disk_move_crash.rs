//! A move whose node is killed, or whose disk fails, at the points that matter.

use std::time::Duration;

use anyhow::Result;
use common::job::{JobOutcome, JobState};
use common::types::ReplicaStatus;
use tests::cluster::Cluster;
use tests::disks;
use tests::workload::{Options, Workload};

use crate::support::{MOVE_WITHIN, Place, TABLE, after_move, ended, on_node, pick, store, turn};

/// A loaded cluster, and a replica of it on a node that runs with a fault.
async fn armed(status: ReplicaStatus, fault: &str) -> Result<(Cluster, Workload, Place)> {
    let mut cluster = Cluster::start().await?;
    cluster.create(TABLE, 2, 3).await?;
    let workload = Workload::start(store(&cluster), Options::default());
    workload.progress(1000, Duration::from_secs(20)).await?;
    let node = pick(&cluster, status).await?.node;
    let process = &mut cluster.node_mut(node)?.process;
    process.stop(Duration::from_secs(30)).await?;
    process.start_with(&["--enable-fault-injection"], &[("GODWIT_FAULT", fault)])?;
    cluster.healthy(TABLE).await?;
    let place = on_node(&cluster, node).await?;
    Ok((cluster, workload, place))
}

/// The node dies at a point of the move and comes back: the replica ends healthy on exactly one disk.
async fn survives_a_kill_at(point: &str) -> Result<()> {
    let _turn = turn().await;
    let (mut cluster, workload, place) = armed(ReplicaStatus::Secondary, &format!("{point}=kill")).await?;
    let job = cluster.node(place.node)?.disk_migrate(place.request()).await?;
    cluster.node_mut(place.node)?.process.exited(MOVE_WITHIN).await?;
    workload.progress(500, Duration::from_secs(30)).await?;
    cluster.node_mut(place.node)?.process.start()?;
    let job = ended(&cluster, place.node, job.id).await?;
    let moved = job.outcome == JobOutcome::Completed;
    if !moved {
        assert_eq!(job.state, JobState::Idle, "{job:?}");
        assert!(job.last_error.is_some(), "{job:?}");
    }
    let disk = if moved { place.other_disk() } else { place.disk.clone() };
    cluster.healthy(TABLE).await?;
    let server = cluster.node(place.node)?;
    assert_eq!(disks::holding(server, &disks::live(place.gpid)).len(), 1, "on exactly one disk");
    after_move(&cluster, &place, &disk, workload).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_mid_copy_is_survived() -> Result<()> {
    survives_a_kill_at("move.copy").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_after_moved_is_survived() -> Result<()> {
    survives_a_kill_at("move.moved").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_after_leaving_the_configuration_is_survived() -> Result<()> {
    survives_a_kill_at("move.left").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_the_renames_is_survived() -> Result<()> {
    survives_a_kill_at("move.rename-origin").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_after_both_renames_is_survived() -> Result<()> {
    survives_a_kill_at("move.renamed").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_learning_is_survived() -> Result<()> {
    survives_a_kill_at("move.learning").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_fails_leaves_everything_as_it_was_and_keeps_the_cause() -> Result<()> {
    let _turn = turn().await;
    let (mut cluster, workload, place) = armed(ReplicaStatus::Secondary, "move.copy=error").await?;
    let job = cluster.node(place.node)?.disk_migrate(place.request()).await?;
    let job = ended(&cluster, place.node, job.id).await?;
    assert_eq!((job.state, job.outcome), (JobState::Idle, JobOutcome::Failed), "{job:?}");
    assert!(job.last_error.is_some(), "{job:?}");
    assert_eq!(disks::holding(cluster.node(place.node)?, &disks::live(place.gpid)), [place.disk.as_str()]);
    let process = &mut cluster.node_mut(place.node)?.process;
    process.stop(Duration::from_secs(30)).await?;
    process.start()?;
    cluster.healthy(TABLE).await?;
    let again = cluster.node(place.node)?.disk_migrate(place.request()).await?;
    let again = ended(&cluster, place.node, again.id).await?;
    assert_eq!(again.outcome, JobOutcome::Completed, "{again:?}");
    after_move(&cluster, &place, &place.other_disk(), workload).await?;
    Ok(())
}
