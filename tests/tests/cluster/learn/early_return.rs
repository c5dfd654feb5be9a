//! A node that is back before its copies are given up for lost costs the others a piece of their log, and nothing more.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use common::types::{PeerId, ReplicaStatus};
use tests::cluster::{Cluster, Options};
use tests::wait;
use tests::workload::{self, Workload};

use super::offered;
use crate::support::{TABLE, pick, same_everywhere, store, transfers, turn};

const WITHIN: Duration = Duration::from_secs(60);
/// Long enough that no copy is made anew before the test is over.
const LOST_DELAY: &str = "10m";

/// The nodes that hold copies, by partition.
async fn members(cluster: &Cluster) -> Result<Vec<BTreeSet<PeerId>>> {
    let route = cluster.route(TABLE).await?;
    Ok(route.configs.iter().map(|config| config.copies().map(|copy| copy.peer).collect()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_back_before_its_copies_are_lost_learns_from_the_log_only() -> Result<()> {
    let _turn = turn().await;
    let meta_settings = vec![("replica_lost_delay", LOST_DELAY.to_owned())];
    let mut cluster = Cluster::start_with(Options { nodes: 4, meta_settings, ..Options::default() }).await?;
    cluster.create(TABLE, 4, 3).await?;
    let load = workload::Options { value_bytes: 1000, ..workload::Options::default() };
    let workload = Workload::start(store(&cluster), load);
    workload.progress(500, WITHIN).await?;
    let (before, place) = (members(&cluster).await?, pick(&cluster, ReplicaStatus::Secondary).await?);
    let others = || (0..4).filter(|node| *node != place.node);
    let short: Vec<f64> =
        ["cache", "log"].map(|kind| offered(&cluster, others(), kind)).into_iter().collect::<Result<_>>()?;
    let checkpoints = offered(&cluster, others(), "checkpoint")?;

    cluster.node_mut(place.node)?.process.kill()?;
    wait::until("its copies to be missed", WITHIN, async || {
        let held = members(&cluster).await?.iter().filter(|peers| peers.contains(&place.peer)).count();
        wait::holds(held == 0, || format!("{held} partitions still count on it"))
    })
    .await?;
    workload.progress(2000, WITHIN).await?;
    cluster.node_mut(place.node)?.process.start()?;
    cluster.all_alive().await?;
    cluster.healthy(TABLE).await?;

    let now = |kind| offered(&cluster, 0..4, kind);
    let learned = now("cache")? + now("log")? - short.iter().sum::<f64>();
    let lost = before.iter().filter(|peers| peers.contains(&place.peer)).count();
    assert!(learned >= lost as f64, "{lost} copies came back by {learned} learns from log or cache");
    assert_eq!(now("checkpoint")? - checkpoints, 0.0, "nobody was served a checkpoint");
    assert_eq!(members(&cluster).await?, before, "the same nodes hold the same copies");
    let procedures = transfers(&cluster).await?;
    assert!(procedures.is_empty(), "no copy was made anew: {procedures:?}");
    workload.finish().await?;
    same_everywhere(&cluster).await
}
