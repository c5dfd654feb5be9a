//! `bench kv`: for each kind of log a fresh cluster with loaded records, then one cell of the table after the other.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use client::Table;

use crate::callers::{self, Operation, Work};
use crate::cluster::{Cluster, Plan};
use crate::figures::{Cell, heading, machine};

/// Records are loaded by so many callers.
const LOADERS: usize = 256;
/// Runs before anything is counted: connections, routes, caches.
const WARM_UP: Duration = Duration::from_secs(1);

/// What is measured.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Operations
    #[arg(long, value_delimiter = ',', default_value = "put,get,mixed")]
    pub(crate) ops: Vec<Operation>,

    /// Concurrent callers
    #[arg(long, value_delimiter = ',', default_value = "1,16,64,256")]
    pub(crate) callers: Vec<usize>,

    /// Kinds of log (log.sync)
    #[arg(long, value_delimiter = ',', default_value = "always,never")]
    pub(crate) sync: Vec<String>,

    /// Seconds measured per line, after one second that is not
    #[arg(long, default_value_t = 5)]
    pub(crate) seconds: u64,

    /// Records loaded beforehand; operations choose among them evenly
    #[arg(long, default_value_t = 200_000)]
    pub(crate) records: u64,

    /// Bytes of each value
    #[arg(long, default_value_t = 100)]
    pub(crate) value_bytes: usize,

    /// Partitions of the table
    #[arg(long, default_value_t = 8)]
    pub(crate) partitions: u32,

    /// Threads of the client
    #[arg(long, default_value_t = 1)]
    pub(crate) client_threads: usize,

    /// Settings of the replica servers, KEY=VALUE
    #[arg(long = "set")]
    pub(crate) set: Vec<String>,

    /// scripts/onebox.sh
    #[arg(long, default_value = "scripts/onebox.sh")]
    pub(crate) onebox: PathBuf,

    /// Directory for the clusters' data; a temporary one by default
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
}

/// Measures everything; prints a Markdown table, line by line as it comes.
///
/// # Errors
/// A cluster does not start, or no operation succeeds.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let place = tempfile::Builder::new().prefix("godwit-bench-").tempdir()?;
    let dir = options.dir.clone().unwrap_or_else(|| place.path().to_path_buf());
    println!("{}", machine(&dir)?);
    println!(
        "{} records of {} bytes, {} partitions, 3 replicas.\n",
        options.records, options.value_bytes, options.partitions
    );
    let mut begun = false;
    for sync in &options.sync {
        let plan =
            Plan { onebox: options.onebox.clone(), dir: dir.join(sync), sync: sync.clone(), set: options.set.clone() };
        let cluster = Cluster::start(plan).await?;
        if !std::mem::replace(&mut begun, true) {
            println!("{}", heading());
        }
        let result = measure(options, sync, &cluster).await;
        cluster.clear()?;
        result?;
    }
    Ok(())
}

async fn measure(options: &Options, sync: &str, cluster: &Cluster) -> Result<()> {
    let table = cluster.create_table(options.partitions).await?;
    load(options, &table).await.context("loading records")?;
    for op in &options.ops {
        for callers in &options.callers {
            let cell = cell(options, sync, *op, *callers, cluster, &table).await?;
            println!("{cell}");
            std::io::stdout().flush()?;
        }
    }
    Ok(())
}

async fn load(options: &Options, table: &Table) -> Result<()> {
    let loaders = (0..LOADERS as u64).map(|first| {
        let (table, records, bytes) = (table.clone(), options.records, options.value_bytes);
        tokio::spawn(async move {
            for record in (first..records).step_by(LOADERS) {
                callers::put(&table, record, bytes).await?;
            }
            Ok::<_, client::ClientError>(())
        })
    });
    for loader in loaders.collect::<Vec<_>>() {
        loader.await??;
    }
    Ok(())
}

async fn cell(
    options: &Options,
    sync: &str,
    op: Operation,
    callers: usize,
    cluster: &Cluster,
    table: &Table,
) -> Result<Cell> {
    let work = Work { op, callers, records: options.records, value_bytes: options.value_bytes };
    let running = callers::start(table, work);
    tokio::time::sleep(WARM_UP).await;
    running.count_from_now();
    let before = cluster.servers().sample().await?;
    tokio::time::sleep(Duration::from_secs(options.seconds)).await;
    let counted = running.stop().await?;
    let after = cluster.servers().sample().await?;
    let spent = after.since(&before);
    Ok(Cell { sync: sync.to_owned(), op, callers, counted, spent })
}
