//! A node is emptied for planned work while its table is written, over a crash of the meta server.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tests::cluster::{Cluster, Options};
use tests::workload::{self, Workload};
use tests::{cli, wait};

use crate::support::{TABLE, same_everywhere, store, turn};

const WITHIN: Duration = Duration::from_secs(90);

fn ask(cluster: &Cluster, args: &[&str]) -> Result<Value> {
    cli::run(cluster, &[args, &["--json"]].concat())?.json().with_context(|| format!("{args:?}"))
}

async fn left(cluster: &Cluster) -> Result<u32> {
    let nodes = cluster.info().await?.nodes;
    Ok(nodes.into_iter().find(|node| node.peer_id.0 == 0).context("no node 0")?.replicas)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_node_is_empty_after_a_crash_of_the_meta_server_and_no_operation_failed() -> Result<()> {
    let _turn = turn().await;
    let mut cluster = Cluster::start_with(Options { nodes: 4, ..Options::patient() }).await?;
    cluster.create(TABLE, 8, 3).await?;
    let workload = Workload::start(store(&cluster), workload::Options::default());
    workload.progress(1000, WITHIN).await?;
    let held = left(&cluster).await?;
    assert!(held > 0);
    let begun = ask(&cluster, &["node-drain", "-n", "0"])?;
    assert_eq!(begun["node"]["draining"], true);
    wait::until("the first replica to leave", WITHIN, async || {
        let left = left(&cluster).await?;
        wait::holds(left < held, || format!("{left} of {held} are left"))
    })
    .await?;
    cluster.meta.kill()?;
    cluster.meta.start()?;
    cluster.all_alive().await?;
    let done = ask(&cluster, &["node-drain", "-n", "0", "--wait"])?;
    assert_eq!((&done["node"]["replicas"], &done["node"]["draining"]), (&Value::from(0), &Value::from(true)));
    cluster.healthy(TABLE).await?;
    // The node hears that a copy is out of its partition with an answer to a later heartbeat.
    wait::until("the node to be empty", WITHIN, async || {
        let here: Vec<_> = cluster.node(0)?.disks().await?.into_iter().flat_map(|disk| disk.replicas).collect();
        wait::holds(here.is_empty(), || format!("{here:?}"))
    })
    .await?;

    // It is empty, so nobody misses it.
    cluster.node_mut(0)?.process.stop(WITHIN).await?;
    workload.progress(500, WITHIN).await?;
    cluster.node_mut(0)?.process.start()?;
    cluster.all_alive().await?;
    assert_eq!(ask(&cluster, &["node-undrain", "-n", "0"])?["node"]["draining"], false);
    let report = workload.finish().await?;
    assert_eq!(report.failed, 0, "{:?}", report.failures);
    same_everywhere(&cluster).await
}
