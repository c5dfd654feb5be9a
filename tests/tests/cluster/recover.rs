//! `recover`: a partition without a member that could lead goes on with an old copy, by an operator's decision.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use common::types::PeerId;
use serde_json::Value;
use tests::cluster::{Cluster, READY_WITHIN};
use tests::{cli, disks, wait};

use crate::support::{TABLE, same_everywhere, store, turn};

const WITHIN: Duration = Duration::from_secs(30);

/// Waits until the meta server takes the node for dead.
async fn dead(cluster: &Cluster, peer: PeerId) -> Result<()> {
    wait::until("a dead node", WITHIN, async || {
        let nodes = cluster.info().await?.nodes;
        wait::holds(nodes.iter().any(|node| node.peer_id == peer && !node.alive), || format!("{peer} is alive"))
    })
    .await
}

fn refused(cluster: &Cluster, args: &[&str]) -> Result<(i32, String)> {
    let ran = cli::run(cluster, &[&["--json"], args].concat())?;
    Ok((ran.code, ran.error()?["code"].as_str().context("a code")?.to_owned()))
}

/// Directories of the partition on a node that were set aside.
fn set_aside(cluster: &Cluster, node: usize, live: &str) -> Result<usize> {
    let mut count = 0;
    for (_, path) in &cluster.node(node)?.disks {
        for entry in fs::read_dir(path)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            count += usize::from(name.starts_with(&format!("{live}.gar.")));
        }
    }
    Ok(count)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_goes_on_with_an_old_copy_only_by_an_operators_word_and_what_returns_is_set_aside() -> Result<()> {
    let _turn = turn().await;
    let mut cluster = Cluster::start().await?;
    cluster.create(TABLE, 1, 3).await?;
    let gpid = cluster.route(TABLE).await?.configs[0].gpid;
    let peers = [cluster.peer_of(0).await?, cluster.peer_of(1).await?, cluster.peer_of(2).await?];
    let names = [peers[0].to_string(), peers[1].to_string()];
    let given_up = ["recover", "-g", "1.0", "--node-is-dead", &names[0], "--node-is-dead", &names[1]];
    let store = store(&cluster);
    store.put("early".into(), "all three have it".into()).await?;
    // Later records carry that this one is committed. What the log of a copy does not know to be committed it gives up when
    // it is taken back under another incarnation.
    for key in ["next", "last"] {
        store.put(key.into(), "v".into()).await?;
    }
    same_everywhere(&cluster).await?;

    assert_eq!(refused(&cluster, &given_up)?, (1, "NODE_ALIVE".to_owned()), "they heartbeat");
    assert_eq!(refused(&cluster, &["recover", "-g", "1.0"])?, (2, "INVALID_ARGUMENT".to_owned()), "no node is named");

    // Node 3 is away while the others write on; then they go, and node 3 comes back with its old copy.
    cluster.node_mut(2)?.process.kill()?;
    wait::until("node 3 dropped", READY_WITHIN, async || {
        let config = cluster.config(TABLE, gpid).await?;
        wait::holds(!config.is_member(peers[2]), || format!("{config:?}"))
    })
    .await?;
    store.put("late".into(), "node 3 does not have it".into()).await?;
    cluster.node_mut(0)?.process.kill()?;
    cluster.node_mut(1)?.process.kill()?;
    dead(&cluster, peers[0]).await?;
    dead(&cluster, peers[1]).await?;
    cluster.node_mut(2)?.process.start()?;
    cluster.alive(1).await?;

    let one = ["recover", "-g", "1.0", "--node-is-dead", &names[0]];
    assert_eq!(refused(&cluster, &one)?, (1, "PARTITION_BUSY".to_owned()), "the other may come back");
    wait::until("the question for a confirmation", READY_WITHIN, async || {
        let said = refused(&cluster, &given_up)?;
        wait::holds(said == (1, "INVALID_ARGUMENT".to_owned()), || format!("{said:?}"))
    })
    .await?;
    assert_eq!(cluster.config(TABLE, gpid).await?.primary.map(|p| p.peer == peers[2]), Some(false), "nothing was done");
    // Busy while node 3 takes its copy back under a new incarnation.
    let done = wait::until("the recovery", READY_WITHIN, async || {
        cli::run(&cluster, &[&["--json"], &given_up[..], &["--yes"]].concat())?.json()
    })
    .await?;
    assert_eq!(done["done"], Value::Bool(true));
    assert!(done["may_lose"].as_str().is_some_and(|text| text.contains("since it left the partition")), "{done}");
    wait::until("reads", READY_WITHIN, async || {
        let early = store.get("early".into()).await?;
        wait::holds(early.is_some_and(|value| value == "all three have it"), || "no value".to_owned())
    })
    .await?;
    assert_eq!(store.get("late".into()).await?, None, "it was said that this may be lost");

    cluster.node_mut(0)?.process.start()?;
    cluster.node_mut(1)?.process.start()?;
    cluster.healthy(TABLE).await?;
    store.put("after".into(), "v".into()).await?;
    let live = disks::live(gpid);
    assert_eq!((set_aside(&cluster, 0, &live)?, set_aside(&cluster, 1, &live)?), (1, 1), "set aside, not deleted");
    for peer in peers {
        if cluster.config(TABLE, gpid).await?.primary.map(|primary| primary.peer) != Some(peer) {
            cluster.propose(TABLE, gpid, peer).await?;
        }
        assert_eq!(store.get("late".into()).await?, None, "what was given up does not come back on {peer}");
        assert!(store.get("after".into()).await?.is_some());
    }
    same_everywhere(&cluster).await
}
