//! The door for Redis clients, and those who misbehave at it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tests::cluster::{Cluster, Options};
use tests::redis_clients::run;
use tests::wait;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{TABLE, share};

const SOON: Duration = Duration::from_secs(30);

/// One node that serves the whole table, with these settings.
async fn one_node(settings: &[(&'static str, &str)]) -> Result<(Cluster, String)> {
    let (cluster, address) = without_table(settings).await?;
    cluster.create(TABLE, 1, 1).await?;
    Ok((cluster, address))
}

/// One node whose table was not created yet.
async fn without_table(settings: &[(&'static str, &str)]) -> Result<(Cluster, String)> {
    let table = [("resp.table", TABLE)];
    let settings = settings.iter().chain(&table).map(|(key, value)| (*key, (*value).to_owned())).collect();
    let cluster = Cluster::start_with(Options { nodes: 1, disks: 1, settings, ..Options::default() }).await?;
    let address = cluster.node(0)?.resp.clone();
    Ok((cluster, address))
}

/// Sends, and reads until the answer ends with what is expected.
async fn asked(stream: &mut TcpStream, request: &str, expected: &str) -> Result<()> {
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(expected.as_bytes()) {
        let read = timeout(SOON, stream.read_buf(&mut answer)).await;
        let read = read.with_context(|| format!("{request:?}: {}", String::from_utf8_lossy(&answer)))??;
        anyhow::ensure!(read > 0, "{request:?}: closed after {}", String::from_utf8_lossy(&answer));
    }
    Ok(())
}

/// Reads until the server closes the connection; what it said.
async fn farewell(stream: &mut TcpStream) -> Result<String> {
    let mut answer = String::new();
    timeout(SOON, stream.read_to_string(&mut answer)).await.context("the connection stays open")??;
    Ok(answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_asked_for_before_anything_else() -> Result<()> {
    let _share = share().await;
    let (_cluster, address) = one_node(&[("resp.requirepass", "sesame")]).await?;
    let mut stream = TcpStream::connect(&address).await?;
    asked(&mut stream, "GET k\r\n", "-NOAUTH Authentication required.\r\n").await?;
    let wrong = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
    asked(&mut stream, "AUTH barley\r\n", wrong).await?;
    asked(&mut stream, "AUTH someone sesame\r\n", wrong).await?;
    asked(&mut stream, "HELLO 3\r\n", "\r\n").await?;
    asked(&mut stream, "AUTH default sesame\r\n", "+OK\r\n").await?;
    asked(&mut stream, "SET k v\r\n", "+OK\r\n").await?;
    asked(&mut stream, "RESET\r\n", "+RESET\r\n").await?;
    asked(&mut stream, "GET k\r\n", "-NOAUTH Authentication required.\r\n").await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_password_only_loopback_is_bound() -> Result<()> {
    let _share = share().await;
    let settings = [("resp.listen", "0.0.0.0:0"), ("resp.announce", "127.0.0.1:6379")];
    let settings = settings.map(|(key, value)| (key, value.to_owned())).to_vec();
    let mut cluster = Cluster::plan(&Options { nodes: 1, disks: 1, settings, ..Options::default() })?;
    cluster.meta.start()?;
    cluster.node_mut(0)?.process.start()?;
    wait::until("the server to give up", SOON, async || {
        let runs = cluster.node_mut(0)?.process.is_running()?;
        wait::holds(!runs, || "it runs".to_owned())
    })
    .await?;
    let log = std::fs::read_to_string(cluster.dir().join("node1.log"))?;
    assert!(log.contains("resp.requirepass"), "{log}");
    cluster.meta.kill()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_too_many_is_told_so_and_makes_room_when_it_ends() -> Result<()> {
    let _share = share().await;
    let (_cluster, address) = one_node(&[("resp.maxclients", "2")]).await?;
    let mut first = TcpStream::connect(&address).await?;
    asked(&mut first, "PING\r\n", "+PONG\r\n").await?;
    let mut second = TcpStream::connect(&address).await?;
    asked(&mut second, "PING\r\n", "+PONG\r\n").await?;
    let refused = farewell(&mut TcpStream::connect(&address).await?).await?;
    assert_eq!(refused, "-ERR max number of clients reached\r\n");
    asked(&mut second, "QUIT\r\n", "+OK\r\n").await?;
    assert_eq!(farewell(&mut second).await?, "");
    wait::until("room for another", SOON, async || {
        asked(&mut TcpStream::connect(&address).await?, "PING\r\n", "+PONG\r\n").await
    })
    .await?;
    asked(&mut first, "PING\r\n", "+PONG\r\n").await
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_ends_the_connection_that_sent_it_and_no_other() -> Result<()> {
    let _share = share().await;
    let (_cluster, address) = one_node(&[]).await?;
    let mut well_behaved = TcpStream::connect(&address).await?;
    asked(&mut well_behaved, "PING\r\n", "+PONG\r\n").await?;
    for (nonsense, said) in [
        ("*1\r\n:1\r\n", "-ERR Protocol error: expected '$', got ':'\r\n"),
        ("*99999999999\r\n", "-ERR Protocol error: invalid multibulk length\r\n"),
        ("*1\r\n$-5\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
        ("*2\r\n$3\r\nGET\r\n$999999999\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
        ("SET \"k\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"),
    ] {
        let mut stream = TcpStream::connect(&address).await?;
        stream.write_all(nonsense.as_bytes()).await?;
        assert_eq!(farewell(&mut stream).await?, said, "{nonsense:?}");
    }
    asked(&mut well_behaved, "PING\r\n", "+PONG\r\n").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_says_nothing_is_closed_if_that_is_wanted() -> Result<()> {
    let _share = share().await;
    let (_cluster, address) = one_node(&[]).await?;
    assert_eq!(run("redis-cli", &address, &["config", "set", "timeout", "1"]).await?.trim(), "OK");
    let mut stream = TcpStream::connect(&address).await?;
    asked(&mut stream, "PING\r\n", "+PONG\r\n").await?;
    assert_eq!(farewell(&mut stream).await?, "");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_over_the_limit_is_refused_and_nothing_of_it_is_stored() -> Result<()> {
    let _share = share().await;
    let (_cluster, address) = one_node(&[("resp.max_value_bytes", "64KiB")]).await?;
    let mut stream = TcpStream::connect(&address).await?;
    let long = "x".repeat((64 << 10) + 1);
    let request = format!("*5\r\n$4\r\nMSET\r\n$1\r\n{{\r\n$1\r\nv\r\n$1\r\n{{\r\n${}\r\n{long}\r\n", long.len());
    asked(&mut stream, &request, "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n").await?;
    asked(&mut stream, "EXISTS {\r\n", ":0\r\n").await
}

/// Half of what a slot is waited for that is between two primaries.
const AT_ONCE: Duration = Duration::from_millis(2500);

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_does_not_exist_is_not_waited_for_and_serves_once_it_does() -> Result<()> {
    let _share = share().await;
    let (cluster, address) = without_table(&[]).await?;
    let mut stream = TcpStream::connect(&address).await?;
    let missing = format!(
        "-CLUSTERDOWN Hash slot not served: there is no table '{TABLE}', create it (admin-cli create {TABLE})\r\n"
    );
    for request in ["GET k\r\n", "SET k v\r\n"] {
        timeout(AT_ONCE, asked(&mut stream, request, &missing)).await.context("it waits")??;
    }
    cluster.create(TABLE, 1, 1).await?;
    // The first request already: whether there is a table is asked when a request comes, not remembered.
    asked(&mut stream, "SET k v\r\n", "+OK\r\n").await
}

/// Memory of the server's process, in MiB.
fn resident_mib(cluster: &mut Cluster) -> Result<u64> {
    let id = cluster.node_mut(0)?.process.id().context("it runs")?;
    let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("its memory")?;
    Ok(line.split_whitespace().nth(1).context("a number")?.parse::<u64>()? >> 10)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_reads_costs_little_and_disturbs_nobody() -> Result<()> {
    let _share = share().await;
    let (mut cluster, address) = one_node(&[]).await?;
    let mut greedy = TcpStream::connect(&address).await?;
    let value = "x".repeat(1 << 20);
    asked(&mut greedy, &format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n{value}\r\n", value.len()), "+OK\r\n").await?;
    let before = resident_mib(&mut cluster)?;
    // Answers of 1 GiB in all, of which none is read; the kernel's buffers take a few of them.
    timeout(SOON, greedy.write_all("GET k\r\n".repeat(1024).as_bytes())).await??;
    for _ in 0..50 {
        assert_eq!(run("redis-cli", &address, &["strlen", "k"]).await?.trim(), (1 << 20).to_string());
    }
    let grown = resident_mib(&mut cluster)?.saturating_sub(before);
    assert!(grown < 64, "{grown} MiB for one client");
    Ok(())
}
