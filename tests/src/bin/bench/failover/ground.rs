//! The cluster, and one kill after the other.

use std::time::Duration;

use anyhow::{Context as _, Result};
use common::types::{Gpid, PeerId};
use futures::future::try_join_all;
use tests::cluster::{Cluster, Options as ClusterOptions};
use tests::wait;
use tests::workload::Store;
use tokio::time::Instant;

use super::Options;
use super::figures::Kill;
use super::writers::{Ended, Writers};

const TABLE: &str = "failover";
const REPLICAS: u32 = 3;
/// A partition that is not written again within this is stuck.
const AGAIN_WITHIN: Duration = Duration::from_secs(60);
/// After everything is whole the writers go on for a while, so that a kill never meets the traces of the last.
const STEADY: Duration = Duration::from_secs(2);

/// A cluster under writers.
pub(crate) struct Ground {
    cluster: Cluster,
    writers: Writers,
    next: usize,
}

impl Ground {
    /// Starts cluster, table and writers.
    ///
    /// # Errors
    /// One of them does not start.
    pub(crate) async fn start(options: &Options) -> Result<Self> {
        let cluster = Cluster::start_with(ClusterOptions {
            nodes: options.nodes,
            // Each node is killed many times in a row: that it is not trusted then is not what is measured.
            meta_settings: vec![("node_steady_after", "0s".to_owned())],
            ..ClusterOptions::default()
        })
        .await?;
        let route = cluster.create(TABLE, options.partitions, REPLICAS).await?;
        let store = Store::new(&cluster.meta_address, None, TABLE);
        let writers = Writers::start(store, &route.configs, options.value_bytes);
        Ok(Self { cluster, writers, next: 0 })
    }

    /// Kills the next node that leads a partition, and waits until all is as before.
    ///
    /// # Errors
    /// Writes are not acknowledged again, or the cluster does not become whole again.
    pub(crate) async fn kill_one(&mut self) -> Result<Kill> {
        self.steady().await?;
        let (node, peer) = self.victim().await?;
        let (led, followed) = self.of(peer).await?;
        let since = Instant::now();
        self.cluster.node_mut(node)?.process.kill()?;
        let again = |gpids: Vec<Gpid>| {
            try_join_all(gpids.into_iter().map(|gpid| self.writers.written_again(gpid, since, AGAIN_WITHIN)))
        };
        let (led, followed) = tokio::try_join!(again(led), again(followed))?;
        let restarted = Instant::now();
        self.cluster.node_mut(node)?.process.start()?;
        self.cluster.healthy(TABLE).await?;
        Ok(Kill::new(led, followed, restarted.elapsed().as_secs_f64()))
    }

    /// Stops the writers and reads everything back.
    ///
    /// # Errors
    /// A key cannot be read.
    pub(crate) async fn finish(self) -> Result<Ended> {
        self.cluster.healthy(TABLE).await?;
        self.writers.finish().await
    }

    async fn steady(&self) -> Result<()> {
        tokio::time::sleep(STEADY).await;
        let route = self.cluster.healthy(TABLE).await?;
        let since = Instant::now();
        let all = route.configs.iter().map(|config| self.writers.written_again(config.gpid, since, AGAIN_WITHIN));
        try_join_all(all).await.map(drop)
    }

    /// The next node, which is made a primary if it is none.
    async fn victim(&mut self) -> Result<(usize, PeerId)> {
        let node = self.next % self.cluster.nodes.len();
        self.next += 1;
        let peer = self.cluster.peer_of(node).await?;
        let (led, followed) = self.of(peer).await?;
        if led.is_empty() {
            for gpid in followed.into_iter().step_by(self.cluster.nodes.len()) {
                self.cluster.propose(TABLE, gpid, peer).await?;
            }
            self.leads(peer).await?;
        }
        Ok((node, peer))
    }

    async fn leads(&self, peer: PeerId) -> Result<()> {
        wait::until("a primary", AGAIN_WITHIN, async || {
            wait::holds(!self.of(peer).await?.0.is_empty(), || format!("{peer} leads nothing"))
        })
        .await
        .context("the node that is to be killed")
    }

    /// Partitions that a node leads, and those that it follows.
    async fn of(&self, peer: PeerId) -> Result<(Vec<Gpid>, Vec<Gpid>)> {
        let route = self.cluster.route(TABLE).await?;
        let member = route.configs.iter().filter(|config| config.is_member(peer));
        let (led, followed): (Vec<_>, Vec<_>) =
            member.partition(|config| config.primary.is_some_and(|primary| primary.peer == peer));
        let names = |configs: Vec<&std::sync::Arc<common::types::PartitionConfig>>| {
            configs.into_iter().map(|config| config.gpid).collect()
        };
        Ok((names(led), names(followed)))
    }
}
