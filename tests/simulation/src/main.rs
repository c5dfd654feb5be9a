//! Runs seeds: `simulation --seeds N [--seed S] [--events E]`. A failing seed prints its trace and how to replay it.

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use clap::Parser;
use simulation::{History, Lines, Planted, Settings, run};

/// Runs histories of the replication protocol under faults and checks what must hold.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// How many seeds to run.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Client operations and faults of a run.
    #[arg(long, default_value_t = 1000)]
    events: u32,
    /// Takes a rule out, to see the simulator notice.
    #[arg(long)]
    plant: Option<String>,
    /// Tells a history of the protocol's rules instead of drawing events.
    #[arg(long)]
    history: Option<String>,
    /// Prints the trace of every run, not of a failing one only.
    #[arg(long)]
    trace: bool,
    /// The most lines of a trace that are printed, counted from its end.
    #[arg(long, default_value_t = 400)]
    trace_lines: usize,
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let planted = args.plant.as_deref().map(planted_by_name).transpose()?;
    let history = args.history.as_deref().map(history_by_name).transpose()?;
    std::panic::set_hook(Box::new(|_| {}));
    let mut total = Total::default();
    for seed in args.seed..args.seed.saturating_add(args.seeds) {
        let settings = Settings { seed, events: args.events, planted, history, lines: None };
        let outcome = run(&settings);
        total.add(&outcome);
        if args.trace || outcome.violation.is_some() {
            print_trace(&settings, args.trace_lines);
        }
        if let Some(violation) = outcome.violation {
            println!("seed {seed}: {violation}");
            println!(
                "replay: scripts/simulate.sh --seeds 1 --seed {seed} --events {}{}",
                args.events,
                flags(&settings)
            );
            println!("seed {seed} failed after {} seeds", total.seeds);
            return Ok(ExitCode::FAILURE);
        }
    }
    println!(
        "{} seeds of {} events passed: {} steps, {} of {} operations answered, {} s simulated",
        total.seeds,
        args.events,
        total.happenings,
        total.operations.0,
        total.operations.1,
        total.simulated / 1_000_000
    );
    Ok(ExitCode::SUCCESS)
}

fn planted_by_name(name: &str) -> anyhow::Result<Planted> {
    let names = || Planted::ALL.iter().map(|planted| planted.name()).collect::<Vec<_>>().join(", ");
    Planted::by_name(name).with_context(|| format!("there is no planted fault '{name}'; there are {}", names()))
}

fn history_by_name(name: &str) -> anyhow::Result<History> {
    let names = || History::ALL.iter().map(|history| history.name()).collect::<Vec<_>>().join(", ");
    History::by_name(name).with_context(|| format!("there is no history '{name}'; there are {}", names()))
}

fn flags(settings: &Settings) -> String {
    let planted = settings.planted.map_or_else(String::new, |planted| format!(" --plant {}", planted.name()));
    let history = settings.history.map_or_else(String::new, |history| format!(" --history {}", history.name()));
    planted + &history
}

/// The same seed again, with words.
fn print_trace(settings: &Settings, lines_max: usize) {
    let lines: Lines = Arc::new(Mutex::new(Vec::new()));
    let _ = run(&Settings { lines: Some(lines.clone()), ..settings.clone() });
    let lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
    for line in lines.iter().skip(lines.len().saturating_sub(lines_max)) {
        println!("{line}");
    }
}

#[derive(Debug, Default)]
struct Total {
    seeds: u64,
    happenings: u64,
    operations: (usize, usize),
    simulated: u64,
}

impl Total {
    fn add(&mut self, outcome: &simulation::Outcome) {
        self.seeds += 1;
        self.happenings += outcome.happenings;
        self.operations.0 += outcome.operations.0;
        self.operations.1 += outcome.operations.1;
        self.simulated += outcome.simulated;
    }
}
