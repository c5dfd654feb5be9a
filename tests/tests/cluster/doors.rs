//! The doors of a server: the cluster secret, strangers, health, settings.

use std::io::Write as _;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use tests::cluster::{Cluster, Options};
use tests::workload::{self, Workload};
use tests::{cli, ports, programs};

use crate::support::{TABLE, http, same_everywhere, store, turn};

const SECRET: &str = "a secret of more than sixteen bytes";

#[tokio::test(flavor = "multi_thread")]
async fn with_a_cluster_secret_only_who_knows_it_is_served() -> Result<()> {
    let _turn = turn().await;
    let mut cluster = Cluster::start_with(Options { secret: Some(SECRET), ..Options::default() }).await?;
    cluster.create(TABLE, 2, 3).await?;
    assert_eq!(cli::run(&cluster, &["ls"])?.code, 0);
    let known = cluster.secret_file.take();
    let stranger = cli::run(&cluster, &["--json", "ls"])?;
    assert_eq!((stranger.code, stranger.error()?["code"].as_str()), (1, Some("UNAUTHENTICATED")));
    cluster.secret_file = known;
    store(&cluster).put("k".into(), "v".into()).await?;
    same_everywhere(&cluster).await
}

#[test]
fn without_a_secret_only_loopback_may_be_bound() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let listen = format!("0.0.0.0:{}", ports::free()?);
    let mut server = Command::new(programs::find("meta-server")?);
    server.args(["--listen", &listen, "--http", "127.0.0.1:0", "--data-dir"]).arg(dir.path().join("meta"));
    let output = server.output()?;
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
    assert!(said.contains("secret") && said.contains("insecure"), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_that_send_garbage_or_nothing_are_dropped_and_others_unhurt() -> Result<()> {
    let _turn = turn().await;
    let cluster = Cluster::start().await?;
    cluster.create(TABLE, 2, 3).await?;
    let workload = Workload::start(store(&cluster), workload::Options::default());
    workload.progress(200, Duration::from_secs(20)).await?;
    let mut silent = vec![];
    for node in &cluster.nodes {
        for garbage in [&[0xff; 4096][..], b"GET / HTTP/1.0\r\n\r\n", &[0, 255, 0], &[]] {
            let mut stream = TcpStream::connect(&node.address)?;
            // The server may hang up in the middle of it.
            let _ = stream.write_all(garbage);
            silent.push(stream);
        }
    }
    workload.progress(1000, Duration::from_secs(20)).await?;
    drop(silent);
    let report = workload.finish().await?;
    assert_eq!(report.failed, 0, "{:?}", report.failures);
    same_everywhere(&cluster).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_healthy_only_once_it_is_registered() -> Result<()> {
    let _turn = turn().await;
    let mut cluster = Cluster::plan(&Options { nodes: 1, ..Options::default() })?;
    cluster.node_mut(0)?.process.start()?;
    let address = cluster.node(0)?.http.clone();
    let health = || http(&address, "/health");
    let unhealthy = tests::wait::until("an answer of /health", Duration::from_secs(20), async || health()).await?;
    assert_eq!(unhealthy.0, 503);
    let reasons: serde_json::Value = serde_json::from_str(&unhealthy.1)?;
    assert!(reasons.to_string().contains("regist"), "{reasons}");
    cluster.meta.start()?;
    tests::wait::until("health", Duration::from_secs(20), async || {
        let (status, body) = health()?;
        tests::wait::holds(status == 200, || body)
    })
    .await
}

#[test]
fn settings_are_printed_with_their_meaning() -> Result<()> {
    for server in ["meta-server", "replica-server"] {
        let output = Command::new(programs::find(server)?).arg("--print-config").output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains('#') && text.contains('='), "{server}: {text}");
    }
    Ok(())
}
