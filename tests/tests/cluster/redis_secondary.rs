//! READONLY reads: secondaries answer them, and never with what is older than they may.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use common::job::JobOutcome;
use common::types::{PeerId, ReplicaStatus};
use parking_lot::Mutex;
use redis::AsyncTypedCommands as _;
use redis::cluster::ClusterClient;
use tests::cluster::{Cluster, Options};
use tests::wait;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::support::{TABLE, ended, metric, pick, secondary_reads, share};

const SOON: Duration = Duration::from_secs(30);
/// What the secondaries of these tests may lack.
const BOUND: Duration = Duration::from_millis(800);

/// A reader of a node sends so many requests, and then hears the answers.
const ROUND: Duration = Duration::from_secs(2);
const SPACE: Duration = Duration::from_millis(50);
const READERS_PER_NODE: u32 = 8;

/// A connection to one node, which follows no redirection.
struct Wire(BufReader<TcpStream>);

impl Wire {
    async fn to(address: &str) -> Result<Self> {
        Ok(Self(BufReader::new(TcpStream::connect(address).await?)))
    }

    async fn send(&mut self, request: &str) -> Result<()> {
        Ok(self.0.write_all(format!("{request}\r\n").as_bytes()).await?)
    }

    /// The next reply: its line, and the one after it if it is a string.
    async fn reply(&mut self) -> Result<String> {
        let mut line = String::new();
        timeout(SOON, self.0.read_line(&mut line)).await.context("no answer")??;
        if line.starts_with('$') && !line.starts_with("$-1") {
            line.clear();
            timeout(SOON, self.0.read_line(&mut line)).await.context("half an answer")??;
        }
        anyhow::ensure!(!line.is_empty(), "the connection ended");
        Ok(line.trim_end().to_owned())
    }

    async fn ask(&mut self, request: &str) -> Result<String> {
        self.send(request).await?;
        self.reply().await
    }

    async fn is_told(&mut self, request: &str, expected: &str) -> Result<()> {
        wait::until(request, SOON, async || {
            let told = self.ask(request).await?;
            wait::holds(told == expected, || told)
        })
        .await
    }
}

/// A table of one partition: the nodes of its primary and of a secondary.
async fn one_partition() -> Result<(Cluster, usize, usize)> {
    let settings = vec![("resp.table", TABLE.to_owned()), ("resp.max_staleness", format!("{}ms", BOUND.as_millis()))];
    let cluster = Cluster::start_with(Options { settings, ..Options::default() }).await?;
    cluster.create(TABLE, 1, 3).await?;
    let route = cluster.healthy(TABLE).await?;
    let config = route.configs.first().context("a partition")?;
    let primary = config.primary.context("a primary")?.peer;
    let secondary = config.secondaries.first().context("a secondary")?.peer;
    let nodes = (cluster.index_of(primary).await?, cluster.index_of(secondary).await?);
    Wire::to(&cluster.node(nodes.0)?.resp).await?.is_told("SET k old", "+OK").await?;
    Ok((cluster, nodes.0, nodes.1))
}

/// A READONLY connection to this node, which has heard of the write.
async fn reader(cluster: &Cluster, node: usize) -> Result<Wire> {
    let mut wire = Wire::to(&cluster.node(node)?.resp).await?;
    assert_eq!(wire.ask("READONLY").await?, "+OK");
    wire.is_told("GET k", "old").await?;
    Ok(wire)
}

async fn dropped(cluster: &Cluster, peer: PeerId) -> Result<()> {
    wait::until("the others to go on without it", SOON, async || {
        let route = cluster.route(TABLE).await?;
        wait::holds(route.configs.iter().all(|config| !config.is_member(peer)), || format!("{:?}", route.configs))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secondary_answers_reads_of_a_connection_that_said_readonly_and_nothing_else() -> Result<()> {
    let _share = share().await;
    let (cluster, _, secondary) = one_partition().await?;
    let mut plain = Wire::to(&cluster.node(secondary)?.resp).await?;
    assert!(plain.ask("GET k").await?.starts_with("-MOVED "));
    let mut wire = reader(&cluster, secondary).await?;
    for (request, expected) in [("STRLEN k", ":3"), ("EXISTS k {k}other", ":1"), ("HLEN {k}other", ":0")] {
        wire.is_told(request, expected).await?;
    }
    assert!(wire.ask("SET k new").await?.starts_with("-MOVED "));
    for end in ["READWRITE", "RESET"] {
        wire.ask(end).await?;
        assert!(wire.ask("GET k").await?.starts_with("-MOVED "), "after {end}");
        wire.ask("READONLY").await?;
        wire.is_told("GET k", "old").await?;
    }
    assert!(secondary_reads(&cluster)? >= 6.0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secondary_whose_primary_is_silent_sends_its_readers_there_once_the_bound_has_passed() -> Result<()> {
    let _share = share().await;
    let (mut cluster, primary, secondary) = one_partition().await?;
    let mut wire = reader(&cluster, secondary).await?;
    // Without a meta server nobody else leads, however long this takes.
    cluster.meta.pause()?;
    cluster.node_mut(primary)?.process.pause()?;
    sleep(BOUND + Duration::from_millis(100)).await;
    assert!(wire.ask("GET k").await?.starts_with("-MOVED "));
    assert!(metric(&cluster.node(secondary)?.http, &["resp_secondary_refusals_total"])? >= 1.0);
    cluster.node_mut(primary)?.process.resume()?;
    cluster.meta.resume()?;
    wire.is_told("GET k", "old").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secondary_that_was_stopped_and_dropped_meanwhile_tells_nothing_old_when_it_goes_on() -> Result<()> {
    let _share = share().await;
    let (mut cluster, primary, secondary) = one_partition().await?;
    let mut wire = reader(&cluster, secondary).await?;
    let peer = cluster.peer_of(secondary).await?;
    cluster.node_mut(secondary)?.process.pause()?;
    dropped(&cluster, peer).await?;
    Wire::to(&cluster.node(primary)?.resp).await?.is_told("SET k new", "+OK").await?;
    sleep(BOUND).await;
    // These wait in its socket, and are the first that it sees.
    for _ in 0..10 {
        wire.send("GET k").await?;
    }
    cluster.node_mut(secondary)?.process.resume()?;
    for _ in 0..10 {
        let told = wire.reply().await?;
        assert!(told == "new" || told.starts_with('-'), "{told}");
    }
    cluster.healthy(TABLE).await?;
    wire.is_told("GET k", "new").await
}

/// What was acknowledged, and when.
type Acknowledged = Arc<Mutex<Vec<(Instant, u64)>>>;

/// Writes a value that only ever rises.
async fn write(addresses: Vec<String>, acknowledged: Acknowledged, stop: Arc<AtomicBool>) -> Result<u64> {
    let nodes: Vec<String> = addresses.iter().map(|address| format!("redis://{address}")).collect();
    let mut client = ClusterClient::new(nodes)?.get_async_connection().await?;
    for value in 1_u64.. {
        if client.set("k", value).await.is_ok() {
            acknowledged.lock().push((Instant::now(), value));
        }
        if stop.load(Ordering::SeqCst) {
            break;
        }
    }
    Ok(0)
}

/// Reads one node as a READONLY connection, and judges; how many answers it judged. What it sends while the node stands
/// still is the first that the node sees when it goes on.
async fn read(address: String, after: Duration, acknowledged: Acknowledged, stop: Arc<AtomicBool>) -> Result<u64> {
    sleep(after).await;
    let mut judged = 0;
    let mut wire = Wire::to(&address).await?;
    wire.ask("READONLY").await?;
    while !stop.load(Ordering::SeqCst) {
        let mut under_way = vec![];
        for _ in 0..ROUND.as_millis() / SPACE.as_millis() {
            under_way.push(Instant::now());
            wire.send("GET k").await?;
            sleep(SPACE).await;
        }
        for sent in under_way {
            let told = wire.reply().await?;
            if !told.starts_with('-') {
                judge(&told, sent, &acknowledged.lock()).context(address.clone())?;
                judged += 1;
            }
        }
    }
    Ok(judged)
}

fn judge(told: &str, sent: Instant, acknowledged: &[(Instant, u64)]) -> Result<()> {
    let seen = acknowledged.iter().rev().find(|(at, _)| sent.saturating_duration_since(*at) >= BOUND);
    let least = seen.map_or(0, |(_, value)| *value);
    let value = if told == "old" { 0 } else { told.parse()? };
    anyhow::ensure!(value >= least, "told {told}, not {least}");
    Ok(())
}

/// Each node stops until it is dropped and lacks what is older than the bound. Then a copy moves to the other disk of its
/// node.
async fn trouble(cluster: &mut Cluster) -> Result<()> {
    for node in 0..cluster.nodes.len() {
        let peer = cluster.peer_of(node).await?;
        cluster.node_mut(node)?.process.pause()?;
        dropped(cluster, peer).await?;
        sleep(2 * BOUND).await;
        cluster.node_mut(node)?.process.resume()?;
        cluster.healthy(TABLE).await?;
    }
    let place = pick(cluster, ReplicaStatus::Secondary).await?;
    let job = cluster.node(place.node)?.disk_migrate(place.request()).await?;
    assert_eq!(ended(cluster, place.node, job.id).await?.outcome, JobOutcome::Completed);
    cluster.healthy(TABLE).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_read_is_older_than_the_bound_while_nodes_stop_and_a_copy_moves() -> Result<()> {
    let _share = share().await;
    let (mut cluster, ..) = one_partition().await?;
    let addresses: Vec<String> = cluster.nodes.iter().map(|node| node.resp.clone()).collect();
    let (acknowledged, stop) = (Acknowledged::default(), Arc::new(AtomicBool::new(false)));
    let mut workers = JoinSet::new();
    workers.spawn(write(addresses.clone(), Arc::clone(&acknowledged), Arc::clone(&stop)));
    for address in addresses {
        for reader in 0..READERS_PER_NODE {
            let after = ROUND * reader / READERS_PER_NODE;
            workers.spawn(read(address.clone(), after, Arc::clone(&acknowledged), Arc::clone(&stop)));
        }
    }
    trouble(&mut cluster).await?;
    stop.store(true, Ordering::SeqCst);
    let mut judged = 0;
    while let Some(worker) = workers.join_next().await {
        judged += worker??;
    }
    let by_secondaries = secondary_reads(&cluster)?;
    let written = acknowledged.lock().len();
    let many = written > 100 && judged > 500 && by_secondaries > 300.0;
    assert!(many, "{written} writes, {judged} answers, {by_secondaries} by secondaries");
    Ok(())
}
