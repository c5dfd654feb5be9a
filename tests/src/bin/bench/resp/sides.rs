//! The two that are measured in turn.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tests::cluster::{Cluster, Options};
use tests::wait;

use super::lines::Lines;
use super::redis::Redis;
use super::tool::Seen;
use crate::servers::{Sample, Servers};

/// The table of Redis clients, by default.
const TABLE: &str = "default";
/// Every node knows of every slot within this.
const SOON: Duration = Duration::from_secs(30);

/// What is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One server that syncs nothing.
    Alone,
    /// Three that have everything, and sync it.
    Durable,
}

/// One of the two.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    /// What it is called.
    pub(crate) name: &'static str,
    /// Where it serves Redis clients: all servers that take requests.
    pub(crate) addresses: Vec<String>,
    /// Its processes.
    pub(crate) servers: Servers,
}

/// Both, running.
pub(crate) struct Pair {
    /// Godwit.
    pub(crate) godwit: Side,
    /// The real one.
    pub(crate) redis: Side,
    /// Taken down when dropped.
    _processes: (Cluster, Redis),
}

/// What a run of one side saw and cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// What the clients saw.
    pub(crate) seen: Seen,
    /// CPU seconds of all servers for 100,000 commands.
    pub(crate) cpu_s: f64,
    /// Memory of all servers at the end, in bytes.
    pub(crate) resident: u64,
}

impl Kind {
    const fn servers(self) -> usize {
        match self {
            Self::Alone => 1,
            Self::Durable => 3,
        }
    }
}

impl Pair {
    /// Starts both; returns when every slot is served and replicas follow.
    ///
    /// # Errors
    /// One of them does not start.
    pub(crate) async fn start(kind: Kind, partitions: u32) -> Result<Self> {
        let (cluster, godwit) = godwit(kind, partitions).await?;
        let (processes, redis) = Redis::start(kind == Kind::Durable).await?;
        Ok(Self { godwit, redis, _processes: (cluster, processes) })
    }

    /// One after the other.
    pub(crate) const fn sides(&self) -> [&Side; 2] {
        [&self.godwit, &self.redis]
    }
}

impl Side {
    /// Where a client begins.
    ///
    /// # Errors
    /// Nowhere.
    pub(crate) fn address(&self) -> Result<&str> {
        self.addresses.first().map(String::as_str).with_context(|| format!("{} has no address", self.name))
    }

    /// Memory of its servers, in bytes.
    ///
    /// # Errors
    /// A server is gone.
    pub(crate) async fn resident(&self) -> Result<u64> {
        let sample = self.servers.sample().await?;
        Ok(sample.since(&sample).resident_bytes)
    }
}

impl Run {
    /// What was seen of so many commands between two samples.
    pub(crate) fn new(seen: Seen, commands: f64, before: &Sample, after: &Sample) -> Self {
        let spent = after.since(before);
        Self { seen, cpu_s: spent.servers_cpu_s / commands * 100_000.0, resident: spent.resident_bytes }
    }
}

async fn godwit(kind: Kind, partitions: u32) -> Result<(Cluster, Side)> {
    let sync = if kind == Kind::Alone { "never" } else { "always" };
    let nodes = kind.servers();
    let cluster = Cluster::start_with(Options { nodes, disks: 1, sync, ..Options::default() }).await?;
    cluster.create(TABLE, partitions, u32::try_from(nodes)?).await?;
    let addresses: Vec<String> = cluster.nodes.iter().map(|node| node.resp.clone()).collect();
    for address in &addresses {
        wait::until("every slot to be served", SOON, async || {
            let info = Lines::connect(address).await?.bulk(b"CLUSTER INFO\r\n").await?;
            wait::holds(info.contains("cluster_slots_ok:16384"), || info)
        })
        .await?;
    }
    let processes = cluster.nodes.iter().map(|node| &node.process).chain([&cluster.meta]);
    let pids = processes.map(|process| process.id().context("a server is gone")).collect::<Result<_>>()?;
    Ok((cluster, Side { name: "Godwit", addresses, servers: Servers::of(pids) }))
}
