//! How a copy catches up: from the prepare cache, from the log, from a checkpoint, from one that broke off.

mod early_return;

use std::time::Duration;

use anyhow::{Context as _, Result};
use common::types::ReplicaStatus;
use tests::cluster::{Cluster, Options};
use tests::workload::{self, Workload};
use tests::{disks, network, wait};

use crate::support::{TABLE, logs_hold_less, metric, pick, same_everywhere, store, turn};

/// Learns of a kind that these nodes' primaries offered so far.
fn offered(cluster: &Cluster, nodes: impl IntoIterator<Item = usize>, kind: &str) -> Result<f64> {
    let of_node = |node| metric(&cluster.node(node)?.http, &["godwit_learns_offered_total{", &format!("\"{kind}\"")]);
    nodes.into_iter().map(of_node).sum()
}

/// What happens to the one who learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    None,
    /// It dies in the midst and comes back.
    Dies,
    /// Its connections to the primary break in the midst.
    CutOff,
}

const VALUE_BYTES: usize = 1000;
/// The third piece of a checkpoint.
const MID_STREAM: &str = "learn.chunk";

/// A node is away while so much is written, then comes back and learns; which kind was used, the metrics say.
async fn learned_after(options: Options, away: u64, trouble: Trouble, kind: &str) -> Result<()> {
    let _turn = turn().await;
    let mut cluster = Cluster::start_with(options).await?;
    cluster.create(TABLE, 1, 3).await?;
    let load = workload::Options { pause: Duration::ZERO, value_bytes: VALUE_BYTES, ..workload::Options::default() };
    let mut workload = Workload::start(store(&cluster), load);
    workload.progress(300, Duration::from_secs(20)).await?;
    let place = pick(&cluster, ReplicaStatus::Secondary).await?;
    cluster.node_mut(place.node)?.process.kill()?;
    if away == 0 {
        workload.pause().await;
    } else {
        workload.progress(away, Duration::from_secs(60)).await?;
    }
    let others = || (0..3).filter(|node| *node != place.node);
    if kind == "checkpoint" {
        logs_hold_less(&cluster, others(), (away * VALUE_BYTES as u64) as f64).await?;
    }
    if trouble == Trouble::CutOff {
        // What is written meanwhile, and lost with the connection, might take a second checkpoint.
        workload.pause().await;
    }
    let before = offered(&cluster, others(), kind)?;
    comes_back(&mut cluster, place.node, trouble).await?;
    cluster.healthy(TABLE).await?;
    let learned = offered(&cluster, others(), kind)? - before;
    if trouble == Trouble::CutOff {
        assert_eq!(learned, 1.0, "it went on where it was, and was not begun anew");
    }
    let all = || ["cache", "log", "checkpoint"].map(|kind| (kind, offered(&cluster, others(), kind)));
    assert!(learned >= 1.0, "no learn by {kind} but {:?}", all());
    workload.finish().await?;
    same_everywhere(&cluster).await
}

async fn comes_back(cluster: &mut Cluster, node: usize, trouble: Trouble) -> Result<()> {
    let start = |cluster: &mut Cluster, action: &str| {
        let fault = format!("{MID_STREAM}={action}@3");
        cluster.node_mut(node)?.process.start_with(&["--enable-fault-injection"], &[("GODWIT_FAULT", &fault)])
    };
    match trouble {
        Trouble::None => cluster.node_mut(node)?.process.start(),
        Trouble::Dies => {
            start(cluster, "kill")?;
            let process = &mut cluster.node_mut(node)?.process;
            process.exited(Duration::from_secs(60)).await?;
            process.start()
        }
        Trouble::CutOff => {
            start(cluster, "hang:1500")?;
            wait::until("the middle of the checkpoint", Duration::from_secs(60), async || {
                let log = cluster.node(node)?.process.log()?;
                wait::holds(log.contains("fault point acts"), || "it is not there yet".to_owned())
            })
            .await?;
            let config = cluster.route(TABLE).await?.configs.into_iter().next();
            let primary = config.and_then(|config| config.primary).context("no primary")?;
            network::break_connections_to(&cluster.node(cluster.index_of(primary.peer).await?)?.address)
        }
    }
}

/// A cache so small that what is missing is no longer in it.
fn small_cache() -> Options {
    Options { settings: vec![("replication.cache_bytes", "64KiB".to_owned())], ..Options::default() }
}

/// The same, and a log that does not reach back either.
fn short_log() -> Options {
    let mut options = small_cache();
    options.settings.push(("log.segment", "1MiB".to_owned()));
    options.settings.push(("log.held_max", "2MiB".to_owned()));
    options.settings.push(("log.keep", "1s".to_owned()));
    options
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_lacks_a_little_learns_from_the_cache() -> Result<()> {
    learned_after(Options::default(), 0, Trouble::None, "cache").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_lacks_more_learns_from_the_log() -> Result<()> {
    learned_after(small_cache(), 2000, Trouble::None, "log").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_lacks_what_the_log_no_longer_holds_learns_a_checkpoint() -> Result<()> {
    learned_after(short_log(), 10_000, Trouble::None, "checkpoint").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_learner_that_dies_in_mid_checkpoint_learns_it_after_all() -> Result<()> {
    learned_after(short_log(), 10_000, Trouble::Dies, "checkpoint").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_whose_connection_breaks_in_mid_stream_goes_on_where_it_was() -> Result<()> {
    if !disks::SmallDisk::possible() {
        eprintln!("passed over: breaking connections needs root");
        return Ok(());
    }
    learned_after(short_log(), 10_000, Trouble::CutOff, "checkpoint").await
}
