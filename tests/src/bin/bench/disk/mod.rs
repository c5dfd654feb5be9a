//! `bench disk`: what moving data between disks costs, as ratios within one run.
//!
//! ```text
//! copying     a move without a limit against cp with fsync of the same files
//! window      CLOSED to COMPLETED by size of the replica, under a writer, and which step takes how long
//! foreground  latency of puts and gets during a limited copy against without
//! limit       how well a rate limit is kept
//! crowd       a node with very many replicas
//! ```

mod checks;
mod copying;
mod crowd;
mod foreground;
pub(crate) mod ground;
mod limit;
pub(crate) mod load;
pub(crate) mod moves;
mod window;

use anyhow::Result;

use self::ground::{Ground, Loaded};
use crate::figures::machine;
use crate::report::{mib, say, summary};

/// What is measured.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Small sizes and few runs: shows that everything works, not what it costs
    #[arg(long)]
    pub(crate) quick: bool,

    /// Parts to measure
    #[arg(long, value_delimiter = ',', default_value = "copying,window,foreground,limit,crowd")]
    pub(crate) parts: Vec<Part>,
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// A move without a limit against cp.
    Copying,
    /// From CLOSED to COMPLETED.
    Window,
    /// Latency during a limited copy.
    Foreground,
    /// Whether a limit is kept.
    Limit,
    /// Very many replicas on a node.
    Crowd,
}

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// Sizes of the replicas that are moved, in bytes, smallest first; the one in the middle is used where one will do.
    pub(crate) sizes: [u64; 3],
    /// Runs of each kind whose median counts.
    pub(crate) runs: usize,
    /// Moves of each size for the window.
    pub(crate) windows: usize,
    /// Puts per second while windows are measured.
    pub(crate) window_puts: u64,
    /// Limit of a copy beside foreground operations, in bytes per second.
    pub(crate) foreground_rate: u64,
    /// Limit that is to be kept, in bytes per second.
    pub(crate) kept_rate: u64,
    /// Replicas of a crowded node.
    pub(crate) crowd: u32,
}

impl Scale {
    const FULL: Self = Self {
        sizes: [100_000_000, 1_000_000_000, 4_000_000_000],
        runs: 5,
        windows: 3,
        window_puts: 5000,
        foreground_rate: 100 << 20,
        kept_rate: 20 << 20,
        crowd: 1024,
    };
    const QUICK: Self = Self {
        sizes: [20_000_000, 100_000_000, 200_000_000],
        runs: 2,
        windows: 1,
        window_puts: 1000,
        foreground_rate: 20 << 20,
        kept_rate: 20 << 20,
        crowd: 64,
    };
}

/// Measures; prints Markdown.
///
/// # Errors
/// A cluster does not start, an operation fails that must not, or a move fails.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let scale = if options.quick { Scale::QUICK } else { Scale::FULL };
    say(&machine(&std::env::temp_dir())?);
    if options.quick {
        say("Small sizes and few runs (--quick): not to be compared with anything.");
    }
    let wanted = |part| options.parts.contains(&part);
    let mut verdicts = Vec::new();
    if options.parts.iter().any(|part| *part != Part::Crowd) {
        // The only limit of a move is its own.
        let unlimited = ["migrate.max_rate", "learn.max_rate"].map(|setting| (setting, "0".to_owned()));
        let ground = Ground::start(3, &scale.sizes, unlimited.into()).await?;
        if wanted(Part::Copying) {
            verdicts.extend(copying::measure(&ground, &scale).await?);
        }
        if wanted(Part::Window) {
            verdicts.extend(window::measure(&ground, &scale).await?);
        }
        if wanted(Part::Foreground) {
            verdicts.extend(foreground::measure(&ground, &scale).await?);
        }
        if wanted(Part::Limit) {
            verdicts.extend(limit::measure(&ground, &scale).await?);
        }
        verdicts.push(ground.finish().await?);
    }
    summary(&verdicts);
    if wanted(Part::Crowd) {
        crowd::measure(&scale).await?;
    }
    Ok(())
}

/// What a table of data is called in the tables that are printed.
pub(crate) fn size_of(loaded: &Loaded) -> String {
    format!("{} MB", loaded.bytes / 1_000_000)
}

/// Bytes per second as MiB/s.
pub(crate) fn rate(bytes: u64, seconds: f64) -> f64 {
    mib(bytes) / seconds.max(1e-9)
}
