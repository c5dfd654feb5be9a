//! `disk-drain`: a working disk is emptied, a failed one says that its replicas are cured; and they are.

use std::time::Duration;

use anyhow::{Context as _, Result};
use common::rpc::node_admin::{DiskInfo, DiskStatus};
use common::types::{Gpid, PeerId};
use serde_json::Value;
use tests::cluster::{Cluster, Options, READY_WITHIN};
use tests::workload::{self, Workload};
use tests::{cli, disks, wait};

use crate::support::{MOVE_WITHIN, TABLE, same_everywhere, store, turn};

fn ask(cluster: &Cluster, args: &[&str]) -> Result<Value> {
    cli::run(cluster, &[args, &["--json"]].concat())?.json().with_context(|| format!("{args:?}"))
}

async fn disk(cluster: &Cluster, tag: &str) -> Result<DiskInfo> {
    let disks = cluster.node(0)?.disks().await?;
    disks.into_iter().find(|disk| disk.disk == tag).context("no such disk")
}

fn moves(document: &Value) -> usize {
    document["plans"][0]["moves"].as_array().map_or(0, Vec::len)
}

async fn loaded(cluster: &Cluster) -> Result<Workload> {
    cluster.create(TABLE, 4, 3).await?;
    let workload = Workload::start(store(cluster), workload::Options::default());
    workload.progress(1000, Duration::from_secs(20)).await?;
    Ok(workload)
}

/// Every copy on the node becomes primary, so that what is read and compared comes from it.
async fn lead_all(cluster: &Cluster, peer: PeerId) -> Result<()> {
    for config in cluster.healthy(TABLE).await?.configs {
        if config.primary.map(|primary| primary.peer) != Some(peer) {
            cluster.propose(TABLE, config.gpid, peer).await?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_disk_is_empty_and_stays_so_until_the_mark_is_taken_away() -> Result<()> {
    let _turn = turn().await;
    let cluster = Cluster::start().await?;
    let workload = loaded(&cluster).await?;
    let drain = ["disk-drain", "-n", "0", "-d", "disk1"];
    let here = disk(&cluster, "disk1").await?.replicas.len();
    assert!(here > 0, "replicas are spread over the disks");

    let planned = ask(&cluster, &[&drain[..], &["--plan"]].concat())?;
    assert_eq!(moves(&planned), here);
    assert!(!disk(&cluster, "disk1").await?.draining, "a plan changes nothing");

    let done = ask(&cluster, &[&drain[..], &["--wait"]].concat())?;
    assert!(done["jobs"].as_array().is_some_and(|jobs| jobs.iter().all(|job| job["outcome"] == "completed")), "{done}");
    let drained = disk(&cluster, "disk1").await?;
    assert!(drained.draining && drained.replicas.is_empty(), "{drained:?}");

    cluster.create("later", 4, 3).await?;
    assert!(disk(&cluster, "disk1").await?.replicas.is_empty(), "nothing new is put there");
    let balance = ["disk-balance", "-n", "0", "--by", "count"];
    assert_eq!(moves(&ask(&cluster, &balance)?), 0, "nothing is moved there");
    ask(&cluster, &[&drain[..], &["--undo"]].concat())?;
    assert!(!disk(&cluster, "disk1").await?.draining);
    assert_eq!(moves(&ask(&cluster, &balance)?), 4, "half of the eight replicas");

    lead_all(&cluster, cluster.peer_of(0).await?).await?;
    workload.finish().await?;
    same_everywhere(&cluster).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_replicas_of_a_failed_disk_are_made_anew_on_the_other_disk_of_the_same_node() -> Result<()> {
    let _turn = turn().await;
    let mut cluster = Cluster::plan(&Options::default())?;
    cluster.meta.start()?;
    // The log of node 1's second disk fails for good after some hundred fsyncs.
    let fault = [("GODWIT_FAULT", "log.sync=error@300~disk2")];
    cluster.node_mut(0)?.process.start_with(&["--enable-fault-injection"], &fault)?;
    cluster.alive(1).await?;
    for node in [1, 2] {
        cluster.node_mut(node)?.process.start()?;
        cluster.alive(node + 1).await?;
    }
    let workload = loaded(&cluster).await?;
    wait::until("IO_ERROR", MOVE_WITHIN, async || {
        let disk = disk(&cluster, "disk2").await?;
        wait::holds(disk.status == DiskStatus::IoError, || format!("{:?}", disk.status))
    })
    .await?;
    let gpids: Vec<Gpid> = cluster.route(TABLE).await?.configs.iter().map(|config| config.gpid).collect();
    let on = async |tag: &str| -> Result<Vec<Gpid>> {
        Ok(disk(&cluster, tag).await?.replicas.iter().map(|replica| replica.gpid).collect())
    };
    // No other node can take them. A copy on the failed disk has its role until it is the next to write.
    wait::until("all copies on the other disk", READY_WITHIN, async || {
        let now = (on("disk1").await?, on("disk2").await?);
        wait::holds(now == (gpids.clone(), vec![]), || format!("{now:?}"))
    })
    .await?;
    cluster.healthy(TABLE).await?;

    let drained = ask(&cluster, &["disk-drain", "-n", "0", "-d", "disk2"])?;
    assert_eq!((moves(&drained), &drained["plans"][0]["stays"]), (0, &Value::Array(vec![])));
    lead_all(&cluster, cluster.peer_of(0).await?).await?;
    workload.progress(500, Duration::from_secs(20)).await?;

    // The disk comes back with what it had: that is set aside, and never takes the place of what came after it.
    cluster.node_mut(0)?.process.kill()?;
    cluster.node_mut(0)?.process.start()?;
    cluster.healthy(TABLE).await?;
    for gpid in gpids {
        assert_eq!(disks::holding(cluster.node(0)?, &disks::live(gpid)), ["disk1"]);
    }
    workload.finish().await?;
    same_everywhere(&cluster).await
}
