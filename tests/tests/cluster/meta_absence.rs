//! The meta server is away: reads and writes do not notice.

use std::time::Duration;

use anyhow::Result;
use common::types::ReplicaStatus;
use tests::cluster::{Cluster, Options as ClusterOptions};
use tests::workload::{Options, Workload};

use crate::support::{TABLE, after_move, ended, pick, same_everywhere, store, turn};

/// Minutes: longer than any lease, timeout or cached route lives.
const ABSENCE: Duration = Duration::from_secs(125);

#[tokio::test(flavor = "multi_thread")]
async fn without_a_meta_server_not_one_operation_fails() -> Result<()> {
    let _turn = turn().await;
    let mut cluster = Cluster::start_with(ClusterOptions::patient()).await?;
    cluster.create(TABLE, 4, 3).await?;
    let workload = Workload::start(store(&cluster), Options { pause: Duration::ZERO, ..Options::default() });
    workload.progress(1000, Duration::from_secs(20)).await?;
    let before: Vec<_> = cluster.route(TABLE).await?.configs.iter().map(|config| config.ballot).collect();
    cluster.meta.kill()?;
    tokio::time::sleep(ABSENCE).await;
    workload.progress(1000, Duration::from_secs(20)).await?;
    cluster.meta.start()?;
    cluster.all_alive().await?;
    let after: Vec<_> = cluster.route(TABLE).await?.configs.iter().map(|config| config.ballot).collect();
    assert_eq!(before, after, "its return changes no configuration");
    let report = workload.finish().await?;
    assert_eq!(report.failed, 0, "{:?}", report.failures);
    same_everywhere(&cluster).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meta_server_that_restarts_during_a_move_does_not_stop_it() -> Result<()> {
    let _turn = turn().await;
    let mut cluster = Cluster::start_with(ClusterOptions::patient()).await?;
    cluster.create(TABLE, 2, 3).await?;
    let workload = Workload::start(store(&cluster), Options::default());
    workload.progress(500, Duration::from_secs(20)).await?;
    let place = pick(&cluster, ReplicaStatus::Secondary).await?;
    let job = cluster.node(place.node)?.disk_migrate(place.request()).await?;
    cluster.meta.kill()?;
    workload.progress(500, Duration::from_secs(20)).await?;
    cluster.meta.start()?;
    let job = ended(&cluster, place.node, job.id).await?;
    let disk = if job.last_error.is_none() { place.other_disk() } else { place.disk.clone() };
    let report = after_move(&cluster, &place, &disk, workload).await?;
    assert_eq!(report.failed, 0, "{:?}", report.failures);
    Ok(())
}
