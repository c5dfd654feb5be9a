//! Callers that do one operation after the other, each waiting for its answer, and the latencies that they see.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use anyhow::{Result, bail};
use bytes::Bytes;
use client::{ClientError, Table};
use hdrhistogram::Histogram;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::task::JoinHandle;
use tokio::time::Instant;

const WARMING: u8 = 0;
const COUNTING: u8 = 1;
const STOPPED: u8 = 2;

/// Longest latency that is told apart, in microseconds.
const LATENCY_MAX_US: u64 = 60_000_000;

/// What a caller does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Operation {
    /// Overwrites a record.
    Put,
    /// Reads a record.
    Get,
    /// One or the other, evenly.
    Mixed,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Put => "put",
            Self::Get => "get",
            Self::Mixed => "mixed",
        })
    }
}

/// What all callers do together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    /// Which operation.
    pub(crate) op: Operation,
    /// How many callers.
    pub(crate) callers: usize,
    /// Records to choose from.
    pub(crate) records: u64,
    /// Bytes of a value.
    pub(crate) value_bytes: usize,
}

/// What was counted.
#[derive(Debug)]
pub(crate) struct Counted {
    /// Latencies of what succeeded, in microseconds.
    pub(crate) latencies: Histogram<u64>,
    /// Operations that failed.
    pub(crate) failed: u64,
    /// Time counted.
    pub(crate) time: Duration,
}

/// Latencies of one caller's operations that succeeded, and how many failed.
type Seen = (Histogram<u64>, u64);

/// Callers at work.
#[derive(Debug)]
pub(crate) struct Running {
    phase: Arc<AtomicU8>,
    callers: Vec<JoinHandle<Result<Seen>>>,
    since: parking_lot::Mutex<Instant>,
}

/// Sets callers to work; nothing is counted yet.
pub(crate) fn start(table: &Table, work: Work) -> Running {
    let phase = Arc::new(AtomicU8::new(WARMING));
    let callers = (0..work.callers as u64).map(|seed| tokio::spawn(call(table.clone(), work, phase.clone(), seed)));
    Running { callers: callers.collect(), phase, since: parking_lot::Mutex::new(Instant::now()) }
}

impl Running {
    /// From here on operations count.
    pub(crate) fn count_from_now(&self) {
        *self.since.lock() = Instant::now();
        self.phase.store(COUNTING, Ordering::Relaxed);
    }

    /// Stops everybody and gathers what they counted.
    ///
    /// # Errors
    /// A caller broke, or nothing succeeded.
    pub(crate) async fn stop(self) -> Result<Counted> {
        self.phase.store(STOPPED, Ordering::Relaxed);
        let mut counted = Counted { latencies: latencies()?, failed: 0, time: self.since.lock().elapsed() };
        for caller in self.callers {
            let (seen, failed) = caller.await??;
            counted.latencies.add(seen)?;
            counted.failed += failed;
        }
        if counted.latencies.is_empty() {
            bail!("not one operation succeeded; {} failed", counted.failed);
        }
        Ok(counted)
    }
}

fn latencies() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, LATENCY_MAX_US, 3)?)
}

async fn call(table: Table, work: Work, phase: Arc<AtomicU8>, seed: u64) -> Result<Seen> {
    let (mut seen, mut failed, mut random) = (latencies()?, 0, SmallRng::seed_from_u64(seed));
    loop {
        let begun = phase.load(Ordering::Relaxed);
        if begun == STOPPED {
            return Ok((seen, failed));
        }
        let record = random.random_range(0..work.records.max(1));
        let write = match work.op {
            Operation::Put => true,
            Operation::Get => false,
            Operation::Mixed => random.random(),
        };
        let start = Instant::now();
        let result = if write { put(&table, record, work.value_bytes).await } else { get(&table, record).await };
        // What began before, or ended after, the counted time is in nobody's figures.
        if begun != COUNTING || phase.load(Ordering::Relaxed) != COUNTING {
            continue;
        }
        match result {
            Ok(()) => seen.saturating_record(u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX)),
            Err(_) => failed += 1,
        }
    }
}

/// Writes a record.
///
/// # Errors
/// As the client's.
pub(crate) async fn put(table: &Table, record: u64, value_bytes: usize) -> Result<(), ClientError> {
    let value = Bytes::from(vec![record as u8; value_bytes]);
    table.put(key(record).as_bytes(), b"", value).await
}

async fn get(table: &Table, record: u64) -> Result<(), ClientError> {
    table.get(key(record).as_bytes(), b"").await.map(drop)
}

fn key(record: u64) -> String {
    format!("key{record:013}")
}
