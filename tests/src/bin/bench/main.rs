//! Benchmarks over real processes. `scripts/bench.sh` builds everything and calls this.

mod callers;
mod cluster;
mod disk;
mod failover;
mod figures;
mod kv;
mod region;
mod report;
mod resp;
mod servers;

use std::future::Future;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};

/// Measures a cluster of real processes on this machine
#[derive(Debug, Parser)]
#[command(name = "bench", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Puts, gets and a mix of both, by number of callers and kind of log
    Kv(kv::Options),
    /// Moves between disks: against cp, their window, what they cost the foreground, and a crowded node
    Disk(disk::Options),
    /// How long until writes are acknowledged again after a node was killed
    Failover(failover::Options),
    /// Moves between nodes, by size: how long, how fast, and for how long writes pause
    Region(region::Options),
    /// Commands of Redis clients, in turn with a real Redis
    Resp(resp::Options),
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    match &cli.command {
        Command::Kv(options) => runtime(options.client_threads)?.block_on(until_stopped(kv::run(options))),
        Command::Disk(options) => runtime(1)?.block_on(until_stopped(disk::run(options))),
        Command::Failover(options) => runtime(1)?.block_on(until_stopped(failover::run(options))),
        Command::Region(options) => runtime(1)?.block_on(until_stopped(region::run(options))),
        Command::Resp(options) => runtime(1)?.block_on(until_stopped(resp::run(options))),
    }
}

fn runtime(threads: usize) -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(threads.max(1)).enable_all().build()
}

/// A benchmark that is interrupted still takes its cluster down: that is in the drop of what it holds.
async fn until_stopped(benchmark: impl Future<Output = Result<()>>) -> Result<()> {
    let stop = common::shutdown::on_signal()?;
    tokio::select! {
        result = benchmark => result,
        () = stop.cancelled() => bail!("interrupted"),
    }
}
