//! A writer and a reader of a given rate, in the background, that remember what was acknowledged.
//!
//! Operations are due at fixed times, whether or not earlier ones were answered: one that begins late because of a slow
//! one before it counts from when it was due, so a stall is seen by all whom it concerns.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use common::clock::Clock;
use futures::stream::{self, StreamExt as _};
use hdrhistogram::Histogram;
use parking_lot::Mutex;
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use tests::workload::{Failure, History, Store};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::ground::Loaded;

/// Keys that are written and checked.
const KEYS: usize = 20_000;
/// Bytes of their values.
const VALUE_BYTES: usize = 100;
/// Tasks of each kind; each waits for its answer.
const TASKS: usize = 128;
const LATENCY_MAX_US: u64 = 60_000_000;
const SLOW_US: u64 = 5_000;
const SLOW_MAX: usize = 100_000;
const CHECKS_AT_ONCE: usize = 64;
const KEPT_MAX: usize = 10;

/// Operations per second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    pub(crate) puts: u64,
    pub(crate) gets: u64,
}

/// What failed or was wrong since the start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) operations: u64,
    pub(crate) failed: u64,
    pub(crate) failures: Vec<String>,
    pub(crate) wrong: Vec<String>,
}

/// Latencies of a stretch of time, in microseconds.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) puts: Histogram<u64>,
    pub(crate) gets: Histogram<u64>,
    /// Puts that took [`SLOW_US`] or longer, at most [`SLOW_MAX`] of them.
    pub(crate) slow_puts: Vec<SlowPut>,
}

/// A put that was slow: when it was due and when it was answered, Unix milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlowPut {
    pub(crate) due_ms: u64,
    pub(crate) answered_ms: u64,
}

/// A load.
#[derive(Debug)]
pub(crate) struct Load {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    loaded: Loaded,
    stop: AtomicBool,
    seen: Mutex<Seen>,
    operations: AtomicU64,
    totals: Mutex<Totals>,
}

/// Of a table that no load has written yet.
pub(crate) fn no_history() -> Arc<History> {
    Arc::new(History::new(KEYS, VALUE_BYTES))
}

impl Load {
    /// Starts it.
    ///
    /// # Errors
    /// Never, in fact: the bounds of a histogram.
    pub(crate) fn start(loaded: &Loaded, rates: Rates) -> Result<Self> {
        let shared = Arc::new(Shared {
            loaded: loaded.clone(),
            stop: AtomicBool::new(false),
            seen: Mutex::new(Seen::new()?),
            operations: AtomicU64::new(0),
            totals: Mutex::default(),
        });
        let puts = (0..TASKS).filter(|_| rates.puts > 0).map(|n| tokio::spawn(shared.clone().put(n, rates.puts)));
        let gets = (0..TASKS).filter(|_| rates.gets > 0).map(|n| tokio::spawn(shared.clone().get(n, rates.gets)));
        let tasks = puts.chain(gets).collect();
        Ok(Self { shared, tasks })
    }

    /// Lets it run for a while, and says what it saw then and only then.
    ///
    /// # Errors
    /// Never, in fact: the bounds of a histogram.
    pub(crate) async fn watch(&self, until: impl Future<Output = ()>) -> Result<Seen> {
        *self.shared.seen.lock() = Seen::new()?;
        until.await;
        Ok(std::mem::replace(&mut *self.shared.seen.lock(), Seen::new()?))
    }

    /// Reads every acknowledged key.
    ///
    /// # Errors
    /// A read fails.
    pub(crate) async fn check(&self) -> Result<()> {
        let checks = self.shared.loaded.history.written().map(|key| self.shared.read(key)).collect::<Vec<_>>();
        let results: Vec<Result<(), Failure>> = stream::iter(checks).buffer_unordered(CHECKS_AT_ONCE).collect().await;
        Ok(results.into_iter().collect::<Result<(), _>>()?)
    }

    /// Stops it, and says what failed.
    pub(crate) async fn stop(self) -> Totals {
        self.shared.stop.store(true, Ordering::SeqCst);
        for task in self.tasks {
            // A task that panicked shows as operations missing.
            let _ = task.await;
        }
        let mut totals = self.shared.totals.lock().clone();
        totals.operations = self.shared.operations.load(Ordering::SeqCst);
        totals
    }
}

impl Seen {
    fn new() -> Result<Self> {
        let histogram = || Histogram::new_with_bounds(1, LATENCY_MAX_US, 3);
        Ok(Self { puts: histogram()?, gets: histogram()?, slow_puts: Vec::new() })
    }

    fn put(&mut self, took_us: u64) {
        self.puts.saturating_record(took_us);
        if took_us >= SLOW_US && self.slow_puts.len() < SLOW_MAX {
            let answered_ms = Clock::System.wall_ms();
            self.slow_puts.push(SlowPut { due_ms: answered_ms.saturating_sub(took_us / 1000), answered_ms });
        }
    }
}

/// When the next operation of a task is due.
struct Schedule {
    due: Instant,
    every: Duration,
}

impl Schedule {
    /// Tasks take turns: all of them together keep the rate.
    fn new(index: usize, rate: u64) -> Self {
        let every = Duration::from_secs_f64(TASKS as f64 / rate as f64);
        Self { due: Instant::now() + every.mul_f64(index as f64 / TASKS as f64), every }
    }

    /// Waits for the next time, and says from when its operation counts: from when it was due if it is late already,
    /// and not from when a timer of a millisecond's resolution went off.
    async fn next(&mut self) -> Instant {
        let due = self.due;
        self.due += self.every;
        if Instant::now() >= due {
            return due;
        }
        tokio::time::sleep_until(due).await;
        Instant::now()
    }
}

impl Shared {
    async fn put(self: Arc<Self>, index: usize, rate: u64) {
        let mut schedule = Schedule::new(index, rate);
        let own: Vec<usize> = (index..KEYS).step_by(TASKS).collect();
        for key in own.into_iter().cycle().take_while(|_| !self.stop.load(Ordering::SeqCst)) {
            let began = schedule.next().await;
            let (version, value) = self.loaded.history.next(key);
            let result = self.store().put(History::hash_key(key), value).await;
            if result.is_ok() {
                self.loaded.history.acknowledge(key, version);
            }
            self.note(result, |seen| seen.put(micros(began)));
        }
    }

    /// Half of the reads are of what is written, and checked against it; half of rows that were loaded.
    async fn get(self: Arc<Self>, index: usize, rate: u64) {
        let (mut schedule, mut random) = (Schedule::new(index, rate), SmallRng::seed_from_u64(index as u64));
        while !self.stop.load(Ordering::SeqCst) {
            let (row, key) = (random.random_range(0..self.loaded.bulk.rows.max(1)), random.random_range(0..KEYS));
            let of_bulk = random.random::<bool>();
            let began = schedule.next().await;
            let result = if of_bulk { self.read_bulk(row).await } else { self.read(key).await };
            self.note(result, |seen| seen.gets.saturating_record(micros(began)));
        }
    }

    async fn read_bulk(&self, row: u64) -> Result<(), Failure> {
        self.loaded.bulk.read(self.store(), row).await.map_err(|error| Failure::Failed(error.to_string()))
    }

    async fn read(&self, key: usize) -> Result<(), Failure> {
        let floor = self.loaded.history.acknowledged(key);
        let value = self.store().get(History::hash_key(key)).await?;
        if let Some(wrong) = self.loaded.history.judge(key, floor, value.as_deref()) {
            self.totals.lock().wrong.push(wrong);
        }
        Ok(())
    }

    fn note(&self, result: Result<(), Failure>, record: impl FnOnce(&mut Seen)) {
        self.operations.fetch_add(1, Ordering::Relaxed);
        match result {
            Ok(()) => record(&mut self.seen.lock()),
            Err(failure) => {
                let mut totals = self.totals.lock();
                totals.failed += 1;
                if totals.failures.len() < KEPT_MAX {
                    totals.failures.push(failure.to_string());
                }
            }
        }
    }

    const fn store(&self) -> &Store {
        &self.loaded.store
    }
}

fn micros(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX)
}
