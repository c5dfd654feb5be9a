//! A node with very many replicas: how long it takes to start, and what it holds.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use common::types::ReplicaStatus;
use tests::cluster::{Cluster, Options};
use tests::wait;
use tests::workload::{Bulk, Store};
use tokio::time::Instant;

use super::Scale;
use crate::report::{mib, say};

const TABLE: &str = "crowd";
const STOP_WITHIN: Duration = Duration::from_secs(120);
const START_WITHIN: Duration = Duration::from_secs(300);
/// Rows for each replica: a few, so that none is empty.
const ROWS_EACH: u64 = 20;

/// Measures; prints the table.
///
/// # Errors
/// The node does not start.
pub(crate) async fn measure(scale: &Scale) -> Result<()> {
    let options = Options { nodes: 1, ..Options::default() };
    let mut cluster = Cluster::start_with(options).await?;
    let count = scale.crowd;
    cluster.ask(async |meta, deadline| meta.create_table(deadline, TABLE.to_owned(), count, 1).await).await?;
    serving(&cluster, count).await?;
    let store = Store::new(&cluster.meta_address, None, TABLE);
    Bulk { rows: u64::from(count) * ROWS_EACH, value_bytes: 1000 }.write(&store).await?;
    cluster.node_mut(0)?.process.stop(STOP_WITHIN).await?;
    let began = Instant::now();
    cluster.node_mut(0)?.process.start()?;
    serving(&cluster, count).await?;
    let ready = began.elapsed();
    let held = Held::of(cluster.node(0)?.process.id().context("the node is gone")?)?;
    say(&format!("\n#### Crowd: a node with {count} replicas on two disks\n"));
    say("| start until all serve, s | memory, MiB | threads | open files |");
    say("|----:|----:|----:|----:|");
    let Held { resident, threads, files } = held;
    say(&format!("| {:.1} | {:.0} | {threads} | {files} |", ready.as_secs_f64(), mib(resident)));
    Ok(())
}

async fn serving(cluster: &Cluster, count: u32) -> Result<()> {
    wait::until("all replicas to serve", START_WITHIN, async || {
        let disks = cluster.node(0)?.disks().await?;
        let replicas = disks.iter().flat_map(|disk| &disk.replicas);
        let serving = replicas.filter(|replica| replica.status == ReplicaStatus::Primary).count();
        wait::holds(serving == count as usize, || format!("{serving} of {count} do"))
    })
    .await
}

/// What a process holds.
struct Held {
    resident: u64,
    threads: u64,
    files: usize,
}

impl Held {
    fn of(pid: u32) -> Result<Self> {
        let proc = PathBuf::from(format!("/proc/{pid}"));
        let status = std::fs::read_to_string(proc.join("status"))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        let missing = || format!("/proc/{pid}/status is not understood");
        Ok(Self {
            resident: field("VmRSS:").with_context(missing)? * 1024,
            threads: field("Threads:").with_context(missing)?,
            files: std::fs::read_dir(proc.join("fd"))?.count(),
        })
    }
}
