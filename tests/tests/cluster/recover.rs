//! `recover`: a partition without a member that could lead goes on with an old copy, by an operator's decision.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use common::types::{Gpid, PeerId};
use serde_json::Value;
use tests::cluster::{Cluster, READY_WITHIN};
use tests::workload::Store;
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

/// A partition whose third member was away while the other two wrote on; those are dead now, and it is back with its old copy.
struct OldCopy {
    cluster: Cluster,
    store: Store,
    gpid: Gpid,
    peers: [PeerId; 3],
}

impl OldCopy {
    async fn begin() -> Result<Self> {
        let cluster = Cluster::start().await?;
        cluster.create(TABLE, 1, 3).await?;
        let gpid = cluster.route(TABLE).await?.configs[0].gpid;
        let peers = [cluster.peer_of(0).await?, cluster.peer_of(1).await?, cluster.peer_of(2).await?];
        let store = store(&cluster);
        store.put("early".into(), "all three have it".into()).await?;
        // Later records carry that this one is committed. What the log of a copy does not know to be committed it gives up
        // when it is taken back under another incarnation.
        for key in ["next", "last"] {
            store.put(key.into(), "v".into()).await?;
        }
        same_everywhere(&cluster).await?;
        Ok(Self { cluster, store, gpid, peers })
    }

    async fn comes_back_alone(&mut self) -> Result<()> {
        let (cluster, third) = (&mut self.cluster, self.peers[2]);
        cluster.node_mut(2)?.process.kill()?;
        wait::until("node 3 dropped", READY_WITHIN, async || {
            let config = cluster.config(TABLE, self.gpid).await?;
            wait::holds(!config.is_member(third), || format!("{config:?}"))
        })
        .await?;
        self.store.put("late".into(), "node 3 does not have it".into()).await?;
        cluster.node_mut(0)?.process.kill()?;
        cluster.node_mut(1)?.process.kill()?;
        dead(cluster, self.peers[0]).await?;
        dead(cluster, self.peers[1]).await?;
        cluster.node_mut(2)?.process.start()?;
        cluster.alive(1).await
    }

    /// `recover` with the first so many nodes said to be dead.
    fn given_up(&self, nodes: usize) -> Vec<String> {
        let dead = self.peers[..nodes].iter().flat_map(|peer| ["--node-is-dead".to_owned(), peer.to_string()]);
        ["recover", "-g", "1.0"].map(str::to_owned).into_iter().chain(dead).collect()
    }

    fn refused(&self, args: &[String]) -> Result<(i32, String)> {
        let args: Vec<_> = ["--json"].into_iter().chain(args.iter().map(String::as_str)).collect();
        let ran = cli::run(&self.cluster, &args)?;
        Ok((ran.code, ran.error()?["code"].as_str().context("a code")?.to_owned()))
    }

    /// Says yes until it is done: busy while node 3 takes its copy back under a new incarnation.
    async fn recovers(&self) -> Result<Value> {
        let args = self.given_up(2);
        let args: Vec<_> = ["--json"].into_iter().chain(args.iter().map(String::as_str)).chain(["--yes"]).collect();
        wait::until("the recovery", READY_WITHIN, async || cli::run(&self.cluster, &args)?.json()).await
    }

    /// The dead return, and what they hold is set aside; whoever leads, the history is the same.
    async fn the_dead_return(&mut self) -> Result<()> {
        let cluster = &mut self.cluster;
        cluster.node_mut(0)?.process.start()?;
        cluster.node_mut(1)?.process.start()?;
        cluster.healthy(TABLE).await?;
        self.store.put("after".into(), "v".into()).await?;
        let live = disks::live(self.gpid);
        for node in [0, 1] {
            assert!(set_aside(cluster, node, &live)? >= 1, "set aside, not deleted, on node {node}");
        }
        for peer in self.peers {
            if cluster.config(TABLE, self.gpid).await?.primary.map(|primary| primary.peer) != Some(peer) {
                cluster.propose(TABLE, self.gpid, peer).await?;
            }
            assert_eq!(self.store.get("late".into()).await?, None, "what was given up does not come back on {peer}");
            assert!(self.store.get("after".into()).await?.is_some());
        }
        same_everywhere(cluster).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_goes_on_with_an_old_copy_only_by_an_operators_word_and_what_returns_is_set_aside() -> Result<()> {
    let _turn = turn().await;
    let mut old = OldCopy::begin().await?;
    assert_eq!(old.refused(&old.given_up(2))?, (1, "NODE_ALIVE".to_owned()), "they heartbeat");
    assert_eq!(old.refused(&old.given_up(0))?, (2, "INVALID_ARGUMENT".to_owned()), "no node is named");

    old.comes_back_alone().await?;
    assert_eq!(old.refused(&old.given_up(1))?, (1, "PARTITION_BUSY".to_owned()), "the other may come back");
    wait::until("the question for a confirmation", READY_WITHIN, async || {
        let said = old.refused(&old.given_up(2))?;
        wait::holds(said == (1, "INVALID_ARGUMENT".to_owned()), || format!("{said:?}"))
    })
    .await?;
    let primary = old.cluster.config(TABLE, old.gpid).await?.primary;
    assert_eq!(primary.map(|primary| primary.peer == old.peers[2]), Some(false), "nothing was done");

    let done = old.recovers().await?;
    assert_eq!(done["done"], Value::Bool(true));
    assert!(done["may_lose"].as_str().is_some_and(|text| text.contains("since it left the partition")), "{done}");
    wait::until("reads", READY_WITHIN, async || {
        let early = old.store.get("early".into()).await?;
        wait::holds(early.is_some_and(|value| value == "all three have it"), || "no value".to_owned())
    })
    .await?;
    assert_eq!(old.store.get("late".into()).await?, None, "it was said that this may be lost");
    old.the_dead_return().await
}
