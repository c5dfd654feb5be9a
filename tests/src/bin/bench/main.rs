//! Benchmarks over real processes. `scripts/bench.sh` builds everything and calls this.

mod callers;
mod cluster;
mod figures;
mod kv;
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
        Command::Kv(options) => {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            let runtime = builder.worker_threads(options.client_threads.max(1)).enable_all().build()?;
            runtime.block_on(until_stopped(kv::run(options)))
        }
    }
}

/// A benchmark that is interrupted still takes its cluster down: that is in the drop of what it holds.
async fn until_stopped(benchmark: impl Future<Output = Result<()>>) -> Result<()> {
    let stop = common::shutdown::on_signal()?;
    tokio::select! {
        result = benchmark => result,
        () = stop.cancelled() => bail!("interrupted"),
    }
}
