//! Unmodified Redis clients, while nodes die and replicas move beneath them.

mod rising;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use common::job::JobOutcome;
use common::types::ReplicaStatus;
use tests::cluster::{Cluster, Options};
use tests::redis_clients::{Mission, Report, run};
use tests::wait;

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

/// So many reads cannot be those of a client that hardly ever asks a secondary.
fn secondaries_answered(cluster: &Cluster) -> Result<()> {
    let by_secondaries = secondary_reads(cluster)?;
    assert!(by_secondaries > 100.0, "{by_secondaries} reads by secondaries");
    Ok(())
}

/// A client that is a program of its own works while there is trouble; with `stale_max` it reads from replicas too.
async fn works_through_trouble(
    client: &str,
    stale_max: Option<Duration>,
    start: impl AsyncFnOnce(&[String], Option<Duration>) -> Result<Mission>,
) -> Result<()> {
    let _turn = turn().await;
    let (mut cluster, addresses) = served().await?;
    let mission = start(&addresses, stale_max).await?;
    trouble(&mut cluster).await?;
    judge(client, &mission.end().await?);
    if stale_max.is_some() {
        secondaries_answered(&cluster)?;
    }
    same_everywhere(&cluster).await
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_py_gets_no_wrong_answer_while_a_node_dies_and_a_replica_moves() -> Result<()> {
    works_through_trouble("redis-py", None, Mission::python).await
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_py_that_reads_from_replicas_gets_nothing_older_than_they_may_tell() -> Result<()> {
    works_through_trouble("redis-py", Some(STALENESS), Mission::python).await
}

#[tokio::test(flavor = "multi_thread")]
async fn node_redis_gets_no_wrong_answer_while_a_node_dies_and_a_replica_moves() -> Result<()> {
    works_through_trouble("node-redis", None, Mission::node).await
}

#[tokio::test(flavor = "multi_thread")]
async fn node_redis_that_reads_from_replicas_gets_nothing_older_than_they_may_tell() -> Result<()> {
    works_through_trouble("node-redis", Some(STALENESS), Mission::node).await
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
