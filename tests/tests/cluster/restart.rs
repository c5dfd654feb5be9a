//! Everything stops, in order or not, and comes back.

mod unsteady;

use std::time::Duration;

use anyhow::Result;
use tests::cluster::Cluster;
use tests::workload::{Options, Workload};

use crate::support::{TABLE, same_everywhere, store, turn};

async fn loaded() -> Result<(Cluster, Workload)> {
    let cluster = Cluster::start().await?;
    cluster.create(TABLE, 4, 3).await?;
    let mut workload = Workload::start(store(&cluster), Options::default());
    workload.progress(1500, Duration::from_secs(20)).await?;
    workload.pause().await;
    Ok((cluster, workload))
}

async fn restart(cluster: &mut Cluster) -> Result<()> {
    cluster.meta.start()?;
    for node in &mut cluster.nodes {
        node.process.start()?;
    }
    cluster.all_alive().await?;
    cluster.healthy(TABLE).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn after_all_processes_were_killed_at_once_everything_acknowledged_is_there() -> Result<()> {
    let _turn = turn().await;
    let (mut cluster, workload) = loaded().await?;
    for node in &mut cluster.nodes {
        node.process.kill()?;
    }
    cluster.meta.kill()?;
    restart(&mut cluster).await?;
    workload.finish().await?;
    same_everywhere(&cluster).await
}

#[tokio::test(flavor = "multi_thread")]
async fn all_processes_stop_when_told_and_come_back() -> Result<()> {
    let _turn = turn().await;
    let (mut cluster, workload) = loaded().await?;
    for node in &mut cluster.nodes {
        let status = node.process.stop(Duration::from_secs(30)).await?;
        assert!(status.success(), "{status}");
    }
    assert!(cluster.meta.stop(Duration::from_secs(30)).await?.success());
    restart(&mut cluster).await?;
    workload.finish().await?;
    same_everywhere(&cluster).await
}
