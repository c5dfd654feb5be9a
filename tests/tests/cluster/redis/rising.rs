//! Clients within this process, and redis-cli: each writes a value that only ever rises, and reads it back.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::cluster_read_routing::RandomReplicaStrategy;
use tests::cluster::Cluster;
use tests::redis_clients::run;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{STALENESS, secondaries_answered, served, trouble};
use crate::support::{same_everywhere, turn};

/// What the tests need of a client; an error is no answer.
trait Client: Send + 'static {
    fn set(&mut self, key: &str, value: u64) -> impl Future<Output = bool> + Send;
    fn get(&mut self, key: &str) -> impl Future<Output = Option<String>> + Send;
}

impl Client for ClusterConnection {
    async fn set(&mut self, key: &str, value: u64) -> bool {
        redis::AsyncTypedCommands::set(self, key, value).await.is_ok()
    }

    async fn get(&mut self, key: &str) -> Option<String> {
        redis::AsyncTypedCommands::get(self, key).await.ok().map(Option::unwrap_or_default)
    }
}

/// `redis-cli -c`, a process for each command, that begins at the node with this address.
struct Cli(String);

impl Client for Cli {
    async fn set(&mut self, key: &str, value: u64) -> bool {
        let told = run("redis-cli", &self.0, &["-c", "-e", "set", key, &value.to_string()]).await;
        told.is_ok_and(|told| told.trim() == "OK")
    }

    async fn get(&mut self, key: &str) -> Option<String> {
        let told = run("redis-cli", &self.0, &["-c", "-e", "get", key]).await;
        told.ok().map(|told| told.trim().to_owned())
    }
}

/// The last of the values that rise which every reader has to see, if one may lack what was acknowledged lately.
struct Floor {
    stale_max: Duration,
    least: u64,
    /// When each later one was acknowledged.
    later: VecDeque<(Instant, u64)>,
}

impl Floor {
    const fn new(stale_max: Duration) -> Self {
        Self { stale_max, least: 0, later: VecDeque::new() }
    }

    fn acknowledged(&mut self, value: u64) {
        self.later.push_back((Instant::now(), value));
    }

    /// For a reader that begins after this.
    fn least(&mut self) -> u64 {
        while let Some((_, value)) = self.later.pop_front_if(|(at, _)| at.elapsed() >= self.stale_max) {
            self.least = value;
        }
        self.least
    }
}

/// A value that only ever rises, written and read back, until told to stop; how many operations were answered.
async fn rising(mut client: impl Client, key: String, stale_max: Duration, stop: Arc<AtomicBool>) -> Result<u64> {
    let (mut floor, mut operations) = (Floor::new(stale_max), 0);
    for tried in 1_u64.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        if client.set(&key, tried).await {
            floor.acknowledged(tried);
            operations += 1;
        }
        let least = floor.least();
        if let Some(found) = client.get(&key).await {
            let found: u64 = if found.is_empty() { 0 } else { found.parse().with_context(|| found.clone())? };
            anyhow::ensure!((least..=tried).contains(&found), "{key}: {found} of {least}..={tried}");
            operations += 1;
        }
    }
    Ok(operations)
}

/// Values that rise, one for each client, while there is trouble; at least so many operations are answered.
async fn rise_through_trouble(
    cluster: &mut Cluster,
    clients: Vec<impl Client>,
    stale_max: Duration,
    least: u64,
) -> Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut workers = JoinSet::new();
    for (number, client) in clients.into_iter().enumerate() {
        workers.spawn(rising(client, format!("rising:{number}"), stale_max, Arc::clone(&stop)));
    }
    trouble(cluster).await?;
    stop.store(true, Ordering::SeqCst);
    let mut operations = 0;
    while let Some(worker) = workers.join_next().await {
        operations += worker??;
    }
    assert!(operations > least, "{operations} operations");
    same_everywhere(cluster).await
}

/// redis-rs, as its builder makes it of the addresses.
async fn redis_rs(
    addresses: &[String],
    build: impl Fn(ClusterClientBuilder) -> ClusterClientBuilder,
) -> Result<Vec<ClusterConnection>> {
    let nodes = addresses.iter().map(|address| format!("redis://{address}"));
    let client = build(ClusterClientBuilder::new(nodes)).build()?;
    let mut connections = Vec::new();
    for _ in 0..4 {
        connections.push(client.get_async_connection().await?);
    }
    Ok(connections)
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_rs_gets_no_wrong_answer_while_a_node_dies_and_a_replica_moves() -> Result<()> {
    let _turn = turn().await;
    let (mut cluster, addresses) = served().await?;
    let clients = redis_rs(&addresses, |builder| builder).await?;
    rise_through_trouble(&mut cluster, clients, Duration::ZERO, 200).await
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_rs_that_reads_from_replicas_gets_nothing_older_than_they_may_tell() -> Result<()> {
    let _turn = turn().await;
    let (mut cluster, addresses) = served().await?;
    let clients = redis_rs(&addresses, |builder| builder.read_routing_strategy(RandomReplicaStrategy)).await?;
    rise_through_trouble(&mut cluster, clients, STALENESS, 200).await?;
    secondaries_answered(&cluster)
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_cli_gets_no_wrong_answer_while_a_node_dies_and_a_replica_moves() -> Result<()> {
    let _turn = turn().await;
    let (mut cluster, addresses) = served().await?;
    // Another node dies. A process for each command makes for few of them.
    let first = addresses.first().context("a node")?;
    rise_through_trouble(&mut cluster, (0..4).map(|_| Cli(first.clone())).collect(), Duration::ZERO, 50).await
}
