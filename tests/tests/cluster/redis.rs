//! Unmodified Redis clients, while nodes die and replicas move beneath them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use common::job::JobOutcome;
use common::types::ReplicaStatus;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use tests::cluster::{Cluster, Options};
use tests::redis_clients::{Mission, Report, run};
use tests::wait;
use tokio::task::JoinSet;

use crate::support::{TABLE, ended, on_node, pick, same_everywhere, secondary_reads, turn};

/// Redis clients find their way within this after a change.
const SOON: Duration = Duration::from_secs(30);
/// `resp.max_staleness` where nothing else is said.
const STALENESS: Duration = Duration::from_secs(1);

async fn served() -> Result<(Cluster, Vec<String>)> {
    let settings = vec![("resp.table", TABLE.to_owned())];
    let cluster = Cluster::start_with(Options { settings, ..Options::default() }).await?;
    cluster.create(TABLE, 8, 3).await?;
    let addresses: Vec<String> = cluster.nodes.iter().map(|node| node.resp.clone()).collect();
    for address in &addresses {
        wait::until("every slot to be served", SOON, async || {
            let info = run("redis-cli", address, &["cluster", "info"]).await?;
            wait::holds(info.contains("cluster_state:ok") && info.contains("cluster_slots_ok:16384"), || info)
        })
        .await?;
    }
    Ok((cluster, addresses))
}

/// A node is killed and comes back, then a replica moves to the other disk of its node.
async fn trouble(cluster: &mut Cluster) -> Result<()> {
    cluster.node_mut(1)?.process.kill()?;
    wait::until("the others to go on without it", SOON, async || {
        let route = cluster.route(TABLE).await?;
        let led = route.configs.iter().all(|config| config.primary.is_some_and(|primary| primary.peer.0 != 1));
        wait::holds(led, || "a partition is led by the dead node".to_owned())
    })
    .await?;
    cluster.node_mut(1)?.process.start()?;
    cluster.healthy(TABLE).await?;
    let place = pick(cluster, ReplicaStatus::Primary).await?;
    let job = cluster.node(place.node)?.disk_migrate(place.request()).await?;
    assert_eq!(ended(cluster, place.node, job.id).await?.outcome, JobOutcome::Completed);
    cluster.healthy(TABLE).await.map(drop)
}

fn judge(client: &str, report: &Report) {
    assert!(report.wrong.is_empty(), "{client}: {report:?}");
    assert!(report.operations > 200, "{client} did little: {report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_py_gets_no_wrong_answer_while_a_node_dies_and_a_replica_moves() -> Result<()> {
    let _turn = turn().await;
    let (mut cluster, addresses) = served().await?;
    let mission = Mission::python(&addresses).await?;
    trouble(&mut cluster).await?;
    judge("redis-py", &mission.end().await?);
    same_everywhere(&cluster).await
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_py_that_reads_from_replicas_gets_nothing_older_than_they_may_tell() -> Result<()> {
    let _turn = turn().await;
    let (mut cluster, addresses) = served().await?;
    let mission = Mission::python_of_replicas(&addresses, STALENESS).await?;
    trouble(&mut cluster).await?;
    judge("redis-py", &mission.end().await?);
    let by_secondaries = secondary_reads(&cluster)?;
    assert!(by_secondaries > 100.0, "{by_secondaries} reads by secondaries");
    same_everywhere(&cluster).await
}

#[tokio::test(flavor = "multi_thread")]
async fn node_redis_gets_no_wrong_answer_while_a_node_dies_and_a_replica_moves() -> Result<()> {
    let _turn = turn().await;
    let (mut cluster, addresses) = served().await?;
    let mission = Mission::node(&addresses).await?;
    trouble(&mut cluster).await?;
    judge("node-redis", &mission.end().await?);
    same_everywhere(&cluster).await
}

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

/// A value that only ever rises, written and read back, until told to stop; how many operations were answered.
async fn rising(mut client: impl Client, key: String, stop: Arc<AtomicBool>) -> Result<u64> {
    let (mut acknowledged, mut operations) = (0_u64, 0);
    for tried in 1_u64.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        if client.set(&key, tried).await {
            (acknowledged, operations) = (tried, operations + 1);
        }
        if let Some(found) = client.get(&key).await {
            let found: u64 = if found.is_empty() { 0 } else { found.parse().with_context(|| found.clone())? };
            anyhow::ensure!((acknowledged..=tried).contains(&found), "{key}: {found} of {acknowledged}..={tried}");
            operations += 1;
        }
    }
    Ok(operations)
}

/// Values that rise, one for each client, while there is trouble; at least so many operations are answered.
async fn rise_through_trouble(cluster: &mut Cluster, clients: Vec<impl Client>, least: u64) -> Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut workers = JoinSet::new();
    for (number, client) in clients.into_iter().enumerate() {
        workers.spawn(rising(client, format!("rising:{number}"), Arc::clone(&stop)));
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

#[tokio::test(flavor = "multi_thread")]
async fn redis_rs_gets_no_wrong_answer_while_a_node_dies_and_a_replica_moves() -> Result<()> {
    let _turn = turn().await;
    let (mut cluster, addresses) = served().await?;
    let client = ClusterClient::new(addresses.iter().map(|address| format!("redis://{address}")).collect::<Vec<_>>())?;
    let mut connections = Vec::new();
    for _ in 0..4 {
        connections.push(client.get_async_connection().await?);
    }
    rise_through_trouble(&mut cluster, connections, 200).await
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_cli_gets_no_wrong_answer_while_a_node_dies_and_a_replica_moves() -> Result<()> {
    let _turn = turn().await;
    let (mut cluster, addresses) = served().await?;
    // Another node dies. A process for each command makes for few of them.
    let first = addresses.first().context("a node")?;
    rise_through_trouble(&mut cluster, (0..4).map(|_| Cli(first.clone())).collect(), 50).await
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_cli_is_led_to_the_node_that_serves_a_slot() -> Result<()> {
    let _turn = turn().await;
    let (_cluster, addresses) = served().await?;
    let first = addresses.first().context("a node")?;
    let cli = async |arguments: &[&str]| run("redis-cli", first, arguments).await.map(|text| text.trim().to_owned());
    for number in 0..30 {
        let key = format!("key:{number}");
        assert_eq!(cli(&["-c", "set", &key, &key]).await?, "OK");
        assert_eq!(cli(&["-c", "get", &key]).await?, key);
    }
    let mut moved = 0;
    for number in 0..30 {
        let answer = cli(&["get", &format!("key:{number}")]).await?;
        moved += usize::from(answer.starts_with("MOVED "));
    }
    assert!(moved > 0 && moved < 30, "{moved} of 30 keys are elsewhere");
    assert!(cli(&["mget", "a", "b"]).await?.starts_with("CROSSSLOT "));
    Ok(())
}

/// Primaries move between the disks of their nodes, one after the other, until told to stop; how many did.
async fn move_primaries(cluster: &Cluster, stop: &AtomicBool) -> Result<u32> {
    let mut moved = 0;
    while !stop.load(Ordering::SeqCst) {
        let place = pick(cluster, ReplicaStatus::Primary).await?;
        let job = cluster.node(place.node)?.disk_migrate(place.request()).await?;
        assert_eq!(ended(cluster, place.node, job.id).await?.outcome, JobOutcome::Completed);
        cluster.healthy(TABLE).await?;
        moved += 1;
    }
    Ok(moved)
}

/// The tool gives up at the first connection that breaks, so no node dies here.
#[tokio::test(flavor = "multi_thread")]
async fn redis_benchmark_runs_against_the_whole_cluster_while_primaries_move() -> Result<()> {
    let _turn = turn().await;
    let (cluster, addresses) = served().await?;
    let arguments =
        ["--cluster", "-t", "set,get,incr,hset,mset", "-n", "10000", "-c", "10", "-P", "4", "-r", "1000", "-q"];
    let (first, stop) = (addresses.first().context("a node")?, AtomicBool::new(false));
    let benchmark = async {
        let output = run("redis-benchmark", first, &arguments).await;
        stop.store(true, Ordering::SeqCst);
        output
    };
    let (output, moved) = tokio::try_join!(benchmark, move_primaries(&cluster, &stop))?;
    assert!(moved > 0);
    for test in ["SET: ", "GET: ", "INCR: ", "HSET: ", "MSET (10 keys): "] {
        assert!(output.contains(test), "{output}");
    }
    assert!(!output.to_lowercase().contains("error"), "{output}");
    same_everywhere(&cluster).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_that_was_deleted_and_made_again_is_the_same_on_every_copy_after_a_move() -> Result<()> {
    let _turn = turn().await;
    let (cluster, addresses) = served().await?;
    let first = addresses.first().context("a node")?;
    let cli = async |arguments: &[&str]| run("redis-cli", first, arguments).await.map(|text| text.trim().to_owned());
    for round in 0..3 {
        for number in 0..20 {
            let (key, field) = (format!("hash:{number}"), format!("field:{round}"));
            cli(&["-c", "del", &key]).await?;
            assert_eq!(cli(&["-c", "hset", &key, &field, "v", "other", "w"]).await?, "2");
        }
    }
    same_everywhere(&cluster).await?;
    let place = on_node(&cluster, 0).await?;
    let job = cluster.node(0)?.disk_migrate(place.request()).await?;
    assert_eq!(ended(&cluster, 0, job.id).await?.outcome, JobOutcome::Completed);
    cluster.healthy(TABLE).await?;
    same_everywhere(&cluster).await?;
    for number in 0..20 {
        assert_eq!(cli(&["-c", "hkeys", &format!("hash:{number}")]).await?, "field:2\nother");
    }
    Ok(())
}
