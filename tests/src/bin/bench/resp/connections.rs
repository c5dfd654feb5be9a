//! Thousands of connections at once that say nothing: until all are taken in and answered, and what each costs.

use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::future::try_join_all;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::time::{Instant, sleep};

use super::lines::Lines;
use super::sides::{Pair, Side};
use crate::report::say;

/// Opened at once: fewer than wait in a listener's queue.
const GROUP: usize = 100;
/// What was answered is settled in the servers' memory.
const SETTLE: Duration = Duration::from_secs(1);

/// Measures; prints the table.
///
/// # Errors
/// A connection is refused or not answered.
pub(crate) async fn measure(pair: &Pair, count: usize) -> Result<()> {
    raise_limit()?;
    say(&format!("\n#### {count} idle connections to one server\n"));
    say("| server | all opened and answered, s | all answered again, s | server KiB for each |");
    say("|--------|----:|----:|----:|");
    for side in pair.sides() {
        say(&line(side, count).await?);
    }
    Ok(())
}

async fn line(side: &Side, count: usize) -> Result<String> {
    let address = side.address()?;
    Lines::connect(address).await?.expect(b"PING\r\n", "+PONG").await?;
    let before = side.resident().await?;
    let began = Instant::now();
    let mut connections = Vec::with_capacity(count);
    while connections.len() < count {
        let group = GROUP.min(count - connections.len());
        connections.extend(try_join_all((0..group).map(|_| opened(address))).await?);
    }
    let opened = began.elapsed();
    sleep(SETTLE).await;
    let bytes = side.resident().await?.saturating_sub(before);
    let began = Instant::now();
    try_join_all(connections.iter_mut().map(|lines| lines.expect(b"PING\r\n", "+PONG"))).await?;
    let again = began.elapsed();
    let each = bytes as f64 / 1024.0 / count as f64;
    Ok(format!("| {} | {:.2} | {:.3} | {each:.1} |", side.name, opened.as_secs_f64(), again.as_secs_f64()))
}

async fn opened(address: &str) -> Result<Lines> {
    let mut lines = Lines::connect(address).await?;
    lines.expect(b"PING\r\n", "+PONG").await?;
    Ok(lines)
}

/// This process holds the other ends.
fn raise_limit() -> Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).context("raising the limit of open files")
}
