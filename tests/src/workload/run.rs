//! A workload in the background.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, bail};
use futures::stream::{self, StreamExt as _};
use parking_lot::Mutex;
use rand::{Rng as _, SeedableRng as _, rngs::SmallRng};
use tokio::sync::{RwLock, RwLockWriteGuard};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::history::History;
use super::store::{Failure, Store};

/// Messages kept of each kind.
const MESSAGES_MAX: usize = 20;
const CHECKS_AT_ONCE: usize = 64;

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Writers side by side; each has its own keys.
    pub writers: usize,
    /// Readers side by side, of random keys.
    pub readers: usize,
    /// Keys in all.
    pub keys: usize,
    /// Bytes of a value.
    pub value_bytes: usize,
    /// Pause of a writer or reader after each operation.
    pub pause: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { writers: 4, readers: 4, keys: 2000, value_bytes: 200, pause: Duration::from_millis(1) }
    }
}

/// What happened so far.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Writes acknowledged.
    pub writes: u64,
    /// Reads answered.
    pub reads: u64,
    /// Writes and reads that failed, unknown outcomes included.
    pub failed: u64,
    /// Of them writes whose outcome is unknown.
    pub unknown: u64,
    /// Longest time for which one writer or reader waited for an answer, in milliseconds.
    pub slowest_ms: u64,
    /// What failed, the first few.
    pub failures: Vec<String>,
    /// Reads that were wrong. There must be none.
    pub violations: Vec<String>,
}

/// A running workload.
#[derive(Debug)]
pub struct Workload {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    store: Store,
    history: History,
    options: Options,
    stop: AtomicBool,
    /// Held for reading by every operation.
    quiet: RwLock<()>,
    writes: AtomicU64,
    reads: AtomicU64,
    failed: AtomicU64,
    unknown: AtomicU64,
    slowest_ms: AtomicU64,
    failures: Mutex<Vec<String>>,
    violations: Mutex<Vec<String>>,
}

impl Workload {
    /// Starts it.
    #[must_use]
    pub fn start(store: Store, options: Options) -> Self {
        let history = History::new(options.keys, options.value_bytes);
        let shared = Arc::new(Shared {
            store,
            history,
            options,
            stop: AtomicBool::new(false),
            quiet: RwLock::default(),
            writes: AtomicU64::new(0),
            reads: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            unknown: AtomicU64::new(0),
            slowest_ms: AtomicU64::new(0),
            failures: Mutex::default(),
            violations: Mutex::default(),
        });
        let writers = (0..options.writers).map(|index| tokio::spawn(shared.clone().write(index)));
        let readers = (0..options.readers).map(|index| tokio::spawn(shared.clone().read(index)));
        let tasks = writers.chain(readers).collect();
        Self { shared, tasks }
    }

    /// What happened so far.
    #[must_use]
    pub fn report(&self) -> Report {
        self.shared.report()
    }

    /// Forgets failures and slowness so far (not wrong reads): what follows is a phase of its own.
    pub fn begin_phase(&self) -> Report {
        let before = self.report();
        self.shared.failures.lock().clear();
        for counter in [&self.shared.writes, &self.shared.reads, &self.shared.failed, &self.shared.unknown] {
            counter.store(0, Ordering::SeqCst);
        }
        self.shared.slowest_ms.store(0, Ordering::SeqCst);
        before
    }

    /// Waits until so many more writes and reads were answered, however slow the machine is, as long as it goes on.
    ///
    /// # Errors
    /// No write that is missing, or no read, was answered for so long.
    pub async fn progress(&self, operations: u64, stalled: Duration) -> Result<()> {
        let start = self.report();
        self.goes_on("writes", start.writes + operations, stalled, |report| report.writes).await?;
        self.goes_on("reads", start.reads + operations, stalled, |report| report.reads).await
    }

    /// Waits until there are so many, as long as there are ever more.
    async fn goes_on(&self, what: &str, wanted: u64, stalled: Duration, count: fn(&Report) -> u64) -> Result<()> {
        let (mut last, mut since) = (count(&self.report()), Instant::now());
        loop {
            let now = self.report();
            match count(&now) {
                enough if enough >= wanted => return Ok(()),
                more if more > last => (last, since) = (more, Instant::now()),
                _ if since.elapsed() > stalled => {
                    bail!("{last} of {wanted} {what}, and none for {stalled:?}: {:?}", now.failures)
                }
                _ => {}
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Nothing is in flight, and nothing begins, while what is returned is held.
    pub async fn quiet(&self) -> RwLockWriteGuard<'_, ()> {
        self.shared.quiet.write().await
    }

    /// Reads every acknowledged key once while writers and readers go on.
    ///
    /// # Errors
    /// A read fails, or anything read so far was wrong.
    pub async fn check(&self) -> Result<()> {
        let checks = self.shared.history.written().map(|key| self.shared.check(key)).collect::<Vec<_>>();
        let results: Vec<Result<()>> = stream::iter(checks).buffer_unordered(CHECKS_AT_ONCE).collect().await;
        results.into_iter().collect::<Result<()>>()?;
        let violations = self.report().violations;
        if violations.is_empty() { Ok(()) } else { bail!("wrong reads: {violations:#?}") }
    }

    /// Stops writers and readers.
    pub async fn pause(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        for task in self.tasks.drain(..) {
            // A task that panicked shows as operations missing.
            let _ = task.await;
        }
    }

    /// Stops, and reads every acknowledged key once more.
    ///
    /// # Errors
    /// A read fails, or anything ever read was wrong.
    pub async fn finish(mut self) -> Result<Report> {
        self.pause().await;
        self.check().await?;
        Ok(self.report())
    }

    /// Keys with an acknowledged write.
    #[must_use]
    pub fn acknowledged(&self) -> usize {
        self.shared.history.written().count()
    }
}

impl Shared {
    async fn write(self: Arc<Self>, index: usize) {
        let own: Vec<usize> = (index..self.options.keys).step_by(self.options.writers.max(1)).collect();
        for key in own.into_iter().cycle().take_while(|_| !self.stop.load(Ordering::SeqCst)) {
            let turn = self.quiet.read().await;
            let (version, value) = self.history.next(key);
            let began = Instant::now();
            let result = self.store.put(History::hash_key(key), value).await;
            if result.is_ok() {
                self.history.acknowledge(key, version);
            }
            self.note(&self.writes, began, result);
            drop(turn);
            tokio::time::sleep(self.options.pause).await;
        }
    }

    async fn read(self: Arc<Self>, index: usize) {
        let mut random = SmallRng::seed_from_u64(index as u64);
        while !self.stop.load(Ordering::SeqCst) {
            let key = random.random_range(0..self.options.keys.max(1));
            let turn = self.quiet.read().await;
            let floor = self.history.acknowledged(key);
            let began = Instant::now();
            let result = self.store.get(History::hash_key(key)).await;
            let judged = result.map(|value| self.judge(key, floor, value.as_deref()));
            self.note(&self.reads, began, judged);
            drop(turn);
            tokio::time::sleep(self.options.pause).await;
        }
    }

    async fn check(&self, key: usize) -> Result<()> {
        let floor = self.history.acknowledged(key);
        let value = self.store.get(History::hash_key(key)).await?;
        self.judge(key, floor, value.as_deref());
        Ok(())
    }

    fn judge(&self, key: usize, floor: u64, value: Option<&[u8]>) {
        if let Some(violation) = self.history.judge(key, floor, value) {
            keep(&self.violations, violation);
        }
    }

    fn note(&self, answered: &AtomicU64, began: Instant, result: Result<(), Failure>) {
        let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.slowest_ms.fetch_max(took, Ordering::SeqCst);
        let Err(failure) = result else {
            answered.fetch_add(1, Ordering::SeqCst);
            return;
        };
        self.failed.fetch_add(1, Ordering::SeqCst);
        if matches!(failure, Failure::OutcomeUnknown(_)) {
            self.unknown.fetch_add(1, Ordering::SeqCst);
        }
        keep(&self.failures, failure.to_string());
    }

    fn report(&self) -> Report {
        let count = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        Report {
            writes: count(&self.writes),
            reads: count(&self.reads),
            failed: count(&self.failed),
            unknown: count(&self.unknown),
            slowest_ms: count(&self.slowest_ms),
            failures: self.failures.lock().clone(),
            violations: self.violations.lock().clone(),
        }
    }
}

fn keep(messages: &Mutex<Vec<String>>, message: String) {
    let mut messages = messages.lock();
    if messages.len() < MESSAGES_MAX {
        messages.push(message);
    }
}
