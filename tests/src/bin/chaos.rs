//! Many randomised runs, one seed each: what `scripts/chaos.sh` runs once everything is built.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, bail};
use clap::Parser;
use parking_lot::Mutex;
use tests::chaos::{Beneath, Options, Report, Summary, possible, run};

/// Breaks clusters of real processes at random, and checks what their clients were told.
#[derive(Debug, Parser)]
#[command(name = "chaos", version)]
struct Args {
    /// Number of runs
    #[arg(long, default_value_t = 1)]
    runs: u64,

    /// Seed of the first run; each further one has the next
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Seconds of faults in each run
    #[arg(long, default_value_t = 60)]
    seconds: u64,

    /// Nodes of each cluster
    #[arg(long, default_value_t = 4)]
    nodes: usize,

    /// Partitions of the table
    #[arg(long, default_value_t = 8)]
    partitions: u32,

    /// What moves beneath; drawn from the seed by default
    #[arg(long)]
    beneath: Option<Beneath>,

    /// Runs side by side
    #[arg(long, default_value_t = 1)]
    at_once: usize,
}

fn main() -> ExitCode {
    match all(&Args::parse()) {
        Ok(summary) => {
            say(&format!("\n{summary}"));
            if summary.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn all(args: &Args) -> Result<Summary> {
    if !possible() {
        bail!("network namespaces need root, and the programs ip, nft and nsenter");
    }
    say(Report::heading());
    let (next, summary) = (AtomicU64::new(0), Mutex::new(Summary::default()));
    let work = || -> Result<()> {
        while let Some(number) = Some(next.fetch_add(1, Ordering::SeqCst)).filter(|number| *number < args.runs) {
            let report = run(&options(args, args.seed + number))?;
            tell(&report);
            summary.lock().add(&report);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..args.at_once.max(1)).map(|_| scope.spawn(work)).collect();
        let ended = workers.into_iter().map(|worker| worker.join().unwrap_or_else(|p| std::panic::resume_unwind(p)));
        ended.collect::<Result<Vec<()>>>()
    })?;
    Ok(summary.into_inner())
}

const fn options(args: &Args, seed: u64) -> Options {
    Options { seed, seconds: args.seconds, nodes: args.nodes, partitions: args.partitions, beneath: args.beneath }
}

fn tell(report: &Report) {
    say(&report.to_string());
    for failure in &report.failures {
        eprintln!("seed {}: {failure}", report.seed);
    }
    if let Some(kept) = &report.kept {
        eprintln!("seed {}: logs, data and what happened are kept in {}", report.seed, kept.display());
    }
}

/// Prints a line at once: many runs take hours.
fn say(line: &str) {
    println!("{line}");
    let _ = std::io::stdout().flush();
}
