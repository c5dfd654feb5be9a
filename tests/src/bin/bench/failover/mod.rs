//! `bench failover`: a node is killed under writers to every partition; how long until all of them are written again.
//!
//! For every kill the time runs from just before SIGKILL to the acknowledgement of a write that *began after it*, as the
//! client sees it: on the partitions that the node led (another must take over) and on those that it only followed
//! (writes wait until it is no member any more). Then the node is started again, everything becomes whole, and the next
//! is killed. At the end every acknowledged write is read back.

mod figures;
mod ground;
mod writers;

use anyhow::{Result, bail};

use self::figures::Kill;
use self::ground::Ground;
use crate::figures::machine;
use crate::report::say;

/// What is measured.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// How often a node is killed
    #[arg(long, default_value_t = 30)]
    pub(crate) kills: usize,

    /// Nodes, at default settings
    #[arg(long, default_value_t = 3)]
    pub(crate) nodes: usize,

    /// Partitions of the table, which has three replicas; each has a writer of its own
    #[arg(long, default_value_t = 8)]
    pub(crate) partitions: u32,

    /// Bytes of each value
    #[arg(long, default_value_t = 100)]
    pub(crate) value_bytes: usize,
}

/// Measures; prints Markdown.
///
/// # Errors
/// The cluster does not start or does not become whole again, or an acknowledged write is missing.
pub(crate) async fn run(options: &Options) -> Result<()> {
    say(&machine(&std::env::temp_dir())?);
    let mut ground = Ground::start(options).await?;
    let (nodes, partitions) = (options.nodes, options.partitions);
    say(&format!(
        "{nodes} nodes at default settings, {partitions} partitions, 3 replicas, a writer to each partition.\n"
    ));
    let mut kills = Vec::with_capacity(options.kills);
    for number in 1..=options.kills {
        let kill = ground.kill_one().await?;
        eprintln!("kill {number} of {}: {kill}", options.kills);
        kills.push(kill);
    }
    let ended = ground.finish().await?;
    say(&figures::table(&kills)?);
    say(&format!("\n{ended}"));
    if ended.wrong.is_empty() { Ok(()) } else { bail!("acknowledged writes are missing: {:#?}", ended.wrong) }
}

/// The slowest of these, in seconds.
fn slowest(seconds: impl IntoIterator<Item = f64>) -> Option<f64> {
    seconds.into_iter().max_by(f64::total_cmp)
}

impl Kill {
    fn new(led: Vec<f64>, followed: Vec<f64>, whole: f64) -> Self {
        Self { partitions_led: led.len(), led: slowest(led), followed: slowest(followed), whole }
    }
}
