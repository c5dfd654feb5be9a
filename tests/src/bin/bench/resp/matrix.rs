//! redis-benchmark on both sides in turn, one line of the table after the other.

use anyhow::Result;

use super::Options;
use super::figures::{Row, heading};
use super::sides::{Pair, Run, Side};
use super::tool::{self, Job, Seen, Test};
use crate::report::say;

/// Batches of each connection in the first trial,
const TRIAL_BATCHES: u64 = 10;
/// but no fewer requests in all: how fast a shorter one is cannot be told.
const TRIAL_MIN: u64 = 5000;
/// Of so many draws among N keys, a multiple of N, six of seven keys are drawn.
const DRAWS: u64 = 2;

/// Measures; prints the table.
///
/// # Errors
/// A request fails.
pub(crate) async fn measure(pair: &Pair, options: &Options) -> Result<Vec<Row>> {
    let names = pair.sides().map(|side| side.name);
    say(&heading(&names));
    let mut rows = Vec::new();
    for (number, bytes) in options.sizes.iter().enumerate() {
        for side in pair.sides() {
            load(side, options.keys, *bytes).await?;
        }
        // A counter has no size: once is enough.
        let tests = options.tests.iter().filter(|test| number == 0 || **test != Test::Incr);
        for job in tests.flat_map(|test| options.jobs(*test, *bytes)) {
            let row = row(pair, options, job).await?;
            say(&row.to_string());
            rows.push(row);
        }
    }
    Ok(rows)
}

/// So that reads find most keys. Every server has keys of its own.
async fn load(side: &Side, keys: u64, bytes: usize) -> Result<()> {
    let job = Job { test: Test::Set, pipeline: 16, bytes, clients: 100, keys };
    tool::run(side, &job, DRAWS * keys * side.addresses.len() as u64).await.map(drop)
}

async fn row(pair: &Pair, options: &Options, job: Job) -> Result<Row> {
    let [godwit, redis] = pair.sides();
    let requests = [requests(godwit, options, &job).await?, requests(redis, options, &job).await?];
    let mut row = Row::new(job, &[godwit.name, redis.name]);
    for _ in 0..options.rounds.max(1) {
        for ((runs, side), requests) in row.runs.iter_mut().zip([godwit, redis]).zip(requests) {
            runs.push(run(side, &job, requests).await?);
        }
    }
    Ok(row)
}

/// Requests of a run. Finding out warms up caches and processors: the first trial is short, and slow for being first.
async fn requests(side: &Side, options: &Options, job: &Job) -> Result<u64> {
    let trial = (job.clients * job.pipeline * TRIAL_BATCHES).max(TRIAL_MIN);
    let first = tool::run(side, job, trial).await?;
    let second = tool::run(side, job, in_time(first, options.seconds / 4.0)).await?;
    Ok(options.requests.unwrap_or_else(|| in_time(second, options.seconds)))
}

fn in_time(seen: Seen, seconds: f64) -> u64 {
    (seen.rate * seconds).max(1.0) as u64
}

async fn run(side: &Side, job: &Job, requests: u64) -> Result<Run> {
    let before = side.servers.sample().await?;
    let seen = tool::run(side, job, requests).await?;
    let after = side.servers.sample().await?;
    Ok(Run::new(seen, requests as f64, &before, &after))
}
