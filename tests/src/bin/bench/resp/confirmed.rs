//! Writes that are answered once two other servers have them. redis-benchmark cannot WAIT, so this has callers of its own,
//! the same for both sides.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use hdrhistogram::Histogram;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::Options;
use super::figures::{Row, heading};
use super::lines::Lines;
use super::redis::REPLICAS;
use super::sides::{Pair, Run, Side};
use super::tool::{Job, Seen, Test};
use crate::report::say;

/// Runs before anything is counted.
const WARM_UP: Duration = Duration::from_millis(500);
/// Longest latency that is told apart, in microseconds.
const LATENCY_MAX_US: u64 = 60_000_000;

/// Measures; prints the table.
///
/// # Errors
/// A write fails.
pub(crate) async fn measure(pair: &Pair, options: &Options) -> Result<()> {
    say(&heading());
    let keys = [keys_of(&pair.godwit, options.keys).await?, keys_of(&pair.redis, options.keys).await?];
    for bytes in &options.sizes {
        for pipeline in &options.pipelines {
            for clients in &options.clients {
                let job =
                    Job { test: Test::Set, pipeline: *pipeline, bytes: *bytes, clients: *clients, keys: options.keys };
                let mut row = Row { job, godwit: vec![], redis: vec![] };
                for _ in 0..options.rounds.max(1) {
                    row.godwit.push(run(&pair.godwit, &keys[0], job, options.seconds, false).await?);
                    row.redis.push(run(&pair.redis, &keys[1], job, options.seconds, true).await?);
                }
                say(&row.to_string());
            }
        }
    }
    Ok(())
}

/// Keys by the server that they are written to.
type Keys = BTreeMap<String, Vec<String>>;

/// Asks as clients do: who does not have a key says where it is.
async fn keys_of(side: &Side, count: u64) -> Result<Keys> {
    let first = side.address()?;
    let mut lines = Lines::connect(first).await?;
    let mut keys = Keys::new();
    for number in 0..count {
        let key = format!("confirmed:{number:012}");
        lines.send(format!("TTL {key}\r\n").as_bytes()).await?;
        let answer = lines.next().await?;
        let moved = answer.strip_prefix("-MOVED ").and_then(|moved| moved.split_once(' '));
        let address = moved.map_or(first, |(_slot, address)| address).to_owned();
        keys.entry(address).or_default().push(key);
    }
    Ok(keys)
}

async fn run(side: &Side, keys: &Keys, job: Job, seconds: f64, waits: bool) -> Result<Run> {
    let begun = Instant::now() + WARM_UP;
    let ended = begun + Duration::from_secs_f64(seconds);
    let keys: Vec<_> = keys.iter().collect();
    let mut callers = Vec::new();
    for number in 0..job.clients {
        let (address, keys) = keys.get(number as usize % keys.len()).context("no keys")?;
        let caller = Caller { lines: Lines::connect(address).await?, keys: (*keys).clone(), job, waits };
        callers.push(tokio::spawn(caller.call(number, begun, ended)));
    }
    sleep_until(begun).await;
    let before = side.servers.sample().await?;
    sleep_until(ended).await;
    let after = side.servers.sample().await?;
    let seen = gather(callers, job, seconds).await?;
    Ok(Run::new(seen, seen.rate * seconds, &before, &after))
}

async fn gather(callers: Vec<JoinHandle<Result<Histogram<u64>>>>, job: Job, seconds: f64) -> Result<Seen> {
    let mut seen = Histogram::<u64>::new_with_bounds(1, LATENCY_MAX_US, 3)?;
    for caller in callers {
        seen.add(caller.await??)?;
    }
    let at = |quantile| seen.value_at_quantile(quantile) as f64 / 1000.0;
    Ok(Seen { rate: (seen.len() * job.pipeline) as f64 / seconds, p50_ms: at(0.5), p99_ms: at(0.99) })
}

/// A connection that writes batch after batch.
struct Caller {
    lines: Lines,
    keys: Vec<String>,
    job: Job,
    waits: bool,
}

impl Caller {
    async fn call(mut self, seed: u64, begun: Instant, ended: Instant) -> Result<Histogram<u64>> {
        let mut seen = Histogram::new_with_bounds(1, LATENCY_MAX_US, 3)?;
        let (mut random, value) = (SmallRng::seed_from_u64(seed), "x".repeat(self.job.bytes));
        loop {
            let batch = self.batch(&mut random, &value);
            let start = Instant::now();
            self.write(batch.as_bytes()).await?;
            let now = Instant::now();
            if now > ended {
                return Ok(seen);
            }
            if start >= begun {
                seen.saturating_record(u64::try_from((now - start).as_micros()).unwrap_or(u64::MAX));
            }
        }
    }

    fn batch(&self, random: &mut impl rand::Rng, value: &str) -> String {
        let mut batch = String::new();
        for _ in 0..self.job.pipeline {
            let key = self.keys.choose(random).map_or("", String::as_str);
            let (length, bytes) = (key.len(), value.len());
            batch.push_str(&format!("*3\r\n$3\r\nSET\r\n${length}\r\n{key}\r\n${bytes}\r\n{value}\r\n"));
        }
        if self.waits {
            batch.push_str(&format!("*3\r\n$4\r\nWAIT\r\n$1\r\n{REPLICAS}\r\n$1\r\n0\r\n"));
        }
        batch
    }

    async fn write(&mut self, batch: &[u8]) -> Result<()> {
        self.lines.send(batch).await?;
        for _ in 0..self.job.pipeline {
            let answer = self.lines.next().await?;
            if answer != "+OK" {
                bail!("SET answers {answer:?}");
            }
        }
        if self.waits {
            let answer = self.lines.next().await?;
            if answer != format!(":{REPLICAS}") {
                bail!("WAIT answers {answer:?}");
            }
        }
        Ok(())
    }
}
