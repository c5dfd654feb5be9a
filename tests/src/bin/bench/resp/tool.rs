//! redis-benchmark: one command at a time, and what it saw.

use std::fmt;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;
use tokio::time::timeout;

use super::counted;
use super::sides::Side;

const PROGRAM: &str = "redis-benchmark";
/// A run ends within this.
const WITHIN: Duration = Duration::from_secs(600);
/// Keys of an MSET, as redis-benchmark's own has it; that one has them in many slots.
const KEYS_OF_MSET: usize = 10;

/// A command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Test {
    /// Reads a string.
    Get,
    /// Writes a string.
    Set,
    /// Writes ten strings of one slot.
    Mset,
    /// Counts up; values have no size.
    Incr,
    /// Writes fields of a hash.
    Hset,
}

/// What a run does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    /// The command.
    pub(crate) test: Test,
    /// Requests sent at once.
    pub(crate) pipeline: u64,
    /// Bytes of a value.
    pub(crate) bytes: usize,
    /// Connections.
    pub(crate) clients: u64,
    /// Keys to choose from.
    pub(crate) keys: u64,
}

/// What the clients of a run saw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Seen {
    /// Commands per second.
    pub(crate) rate: f64,
    /// Median latency, in milliseconds.
    pub(crate) p50_ms: f64,
    /// Latency that 99 % do not exceed, in milliseconds.
    pub(crate) p99_ms: f64,
}

/// Has so many requests answered.
///
/// # Errors
/// A request fails, or redis-benchmark is not installed.
pub(crate) async fn run(side: &Side, job: &Job, requests: u64) -> Result<Seen> {
    if side.addresses.len() == 1 {
        return ran(side, job, requests).await;
    }
    let (seen, rate) = counted::rate_during(side, requests, ran(side, job, requests)).await?;
    Ok(Seen { rate: rate.unwrap_or(seen.rate), ..seen })
}

async fn ran(side: &Side, job: &Job, requests: u64) -> Result<Seen> {
    let (host, port) = side.address()?.rsplit_once(':').context("host:port")?;
    let mut command = Command::new(PROGRAM);
    command.args(["-h", host, "-p", port, "--csv"]).args(arguments(job, requests));
    // Its address is one of several.
    command.args((side.addresses.len() > 1).then_some("--cluster"));
    command.args(operands(job)).stdin(Stdio::null()).kill_on_drop(true);
    let ran = timeout(WITHIN, command.output()).await.with_context(|| format!("{job} does not end"))?;
    let output = ran.context("running redis-benchmark (of the package redis-tools)")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let seen = seen_in(&text).filter(|_| output.status.success());
    let Some(seen) = seen else {
        bail!("{job} on {} failed: {text}{}", side.name, String::from_utf8_lossy(&output.stderr))
    };
    Ok(seen)
}

fn arguments(job: &Job, requests: u64) -> Vec<String> {
    let numbers =
        [("-n", requests), ("-c", job.clients), ("-P", job.pipeline), ("-d", job.bytes as u64), ("-r", job.keys)];
    numbers.iter().flat_map(|(name, number)| [(*name).to_owned(), number.to_string()]).collect()
}

fn operands(job: &Job) -> Vec<String> {
    if job.test != Test::Mset {
        return vec!["-t".to_owned(), job.test.name().to_lowercase()];
    }
    let pair = ["key:{tag}:__rand_int__".to_owned(), "x".repeat(job.bytes)];
    let pairs = std::iter::repeat_n(pair, KEYS_OF_MSET).flatten();
    std::iter::once("MSET".to_owned()).chain(pairs).collect()
}

/// The last line is the one of figures: name, rate, average, least, P50, P95, P99, most.
fn seen_in(csv: &str) -> Option<Seen> {
    let line = csv.lines().rfind(|line| line.starts_with('"'))?;
    let mut fields = line.trim_matches('"').rsplit("\",\"").map(str::parse::<f64>);
    let (_most, p99_ms, _p95) = (fields.next()?, fields.next()?.ok()?, fields.next()?);
    let (p50_ms, _least, _average) = (fields.next()?.ok()?, fields.next()?, fields.next()?);
    Some(Seen { rate: fields.next()?.ok()?, p50_ms, p99_ms })
}

impl Test {
    const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Set => "SET",
            Self::Mset => "MSET",
            Self::Incr => "INCR",
            Self::Hset => "HSET",
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { test, pipeline, bytes, clients, .. } = self;
        write!(f, "{test} of {bytes} bytes, pipeline {pipeline}, {clients} connections")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Cluster has 3 master nodes:\n\n\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\
                        \"p50_latency_ms\",\"p95_latency_ms\",\"p99_latency_ms\",\"max_latency_ms\"\n";

    #[test]
    fn figures_are_read_whatever_the_command_is_called() {
        let seen = Seen { rate: 69930.07, p50_ms: 0.295, p99_ms: 4.863 };
        for name in ["SET", "MSET key:{tag}:__rand_int__ x\",\"y"] {
            let csv =
                format!("{HEAD}\"{name}\",\"69930.07\",\"0.489\",\"0.040\",\"0.295\",\"2.719\",\"4.863\",\"6.167\"\n");
            assert_eq!(seen_in(&csv), Some(seen));
        }
        assert_eq!(seen_in(HEAD), None, "the head is no figures");
        assert_eq!(seen_in("Error from server: MOVED"), None);
    }
}
