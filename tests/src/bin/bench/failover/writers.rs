//! A writer for every partition, and when each had its last acknowledgement.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, bail};
use common::types::{Gpid, PartitionConfig, slot_of};
use futures::stream::{self, StreamExt as _};
use tests::workload::{Failure, History, Store};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Keys of each partition.
const KEYS: usize = 200;
/// After an operation; a writer shall not take the processor that the servers need.
const PAUSE: Duration = Duration::from_millis(2);
const CHECKS_AT_ONCE: usize = 64;
const CHECK_WITHIN: Duration = Duration::from_secs(30);

/// When a partition's last write that was acknowledged began and ended.
#[derive(Clone, Copy, Debug)]
struct Acknowledged {
    began: Instant,
    ended: Instant,
}

/// Writers to every partition.
#[derive(Debug)]
pub(crate) struct Writers {
    shared: Arc<Shared>,
    lanes: Vec<(Gpid, watch::Receiver<Option<Acknowledged>>)>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    store: Store,
    history: History,
    stop: AtomicBool,
    writes: AtomicU64,
    unknown: AtomicU64,
    failed: AtomicU64,
}

/// What was found at the end.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    /// Writes acknowledged.
    pub(crate) writes: u64,
    /// Writes of unknown outcome.
    pub(crate) unknown: u64,
    /// Writes that failed, surely not done.
    pub(crate) failed: u64,
    /// Keys read back.
    pub(crate) keys: usize,
    /// What was wrong with them.
    pub(crate) wrong: Vec<String>,
}

impl Writers {
    /// Starts one for each partition.
    pub(crate) fn start(store: Store, configs: &[Arc<PartitionConfig>], value_bytes: usize) -> Self {
        let keys = keys_by_partition(configs);
        let count = keys.iter().flatten().max().map_or(0, |key| key + 1);
        let shared = Arc::new(Shared {
            store,
            history: History::new(count, value_bytes),
            stop: AtomicBool::new(false),
            writes: AtomicU64::new(0),
            unknown: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        });
        let (mut lanes, mut tasks) = (vec![], vec![]);
        for (config, keys) in configs.iter().zip(keys) {
            let (say, hear) = watch::channel(None);
            lanes.push((config.gpid, hear));
            tasks.push(tokio::spawn(shared.clone().write(keys, say)));
        }
        Self { shared, lanes, tasks }
    }

    /// Waits until a write to this partition that began after `since` is acknowledged; seconds from then to that.
    ///
    /// # Errors
    /// Not in time.
    pub(crate) async fn written_again(&self, gpid: Gpid, since: Instant, within: Duration) -> Result<f64> {
        let Some((_, lane)) = self.lanes.iter().find(|(lane, _)| *lane == gpid) else { bail!("no partition {gpid}") };
        let mut lane = lane.clone();
        let later = |seen: &Option<Acknowledged>| seen.is_some_and(|seen| seen.began > since);
        match tokio::time::timeout(within, lane.wait_for(later)).await {
            Ok(Ok(seen)) => Ok(seen.map_or(f64::NAN, |seen| (seen.ended - since).as_secs_f64())),
            Ok(Err(_)) => bail!("the writer to {gpid} ended"),
            Err(_) => bail!("{gpid} was not written again within {within:?}"),
        }
    }

    /// Stops them, and reads back whatever was acknowledged.
    ///
    /// # Errors
    /// A key cannot be read.
    pub(crate) async fn finish(self) -> Result<Ended> {
        self.shared.stop.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await?;
        }
        let keys: Vec<usize> = self.shared.history.written().collect();
        let checks: Vec<_> = keys.iter().map(|key| self.shared.check(*key)).collect();
        let found: Vec<Result<Option<String>>> = stream::iter(checks).buffer_unordered(CHECKS_AT_ONCE).collect().await;
        let wrong = found.into_iter().filter_map(Result::transpose).collect::<Result<Vec<_>>>()?;
        let count = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        let (writes, unknown, failed) =
            (count(&self.shared.writes), count(&self.shared.unknown), count(&self.shared.failed));
        Ok(Ended { writes, unknown, failed, keys: keys.len(), wrong })
    }
}

impl Shared {
    async fn write(self: Arc<Self>, keys: Vec<usize>, say: watch::Sender<Option<Acknowledged>>) {
        for key in keys.into_iter().cycle().take_while(|_| !self.stop.load(Ordering::SeqCst)) {
            let (version, value) = self.history.next(key);
            let began = Instant::now();
            match self.store.put(History::hash_key(key), value).await {
                Ok(()) => {
                    self.history.acknowledge(key, version);
                    self.writes.fetch_add(1, Ordering::SeqCst);
                    say.send_replace(Some(Acknowledged { began, ended: Instant::now() }));
                }
                Err(Failure::OutcomeUnknown(_)) => drop(self.unknown.fetch_add(1, Ordering::SeqCst)),
                Err(Failure::Failed(_)) => drop(self.failed.fetch_add(1, Ordering::SeqCst)),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn check(&self, key: usize) -> Result<Option<String>> {
        let floor = self.history.acknowledged(key);
        let read =
            tests::wait::until("a read", CHECK_WITHIN, async || Ok(self.store.get(History::hash_key(key)).await?));
        Ok(self.history.judge(key, floor, read.await?.as_deref()))
    }
}

/// Keys that lie in each partition, as many in each.
fn keys_by_partition(configs: &[Arc<PartitionConfig>]) -> Vec<Vec<usize>> {
    let mut keys = vec![vec![]; configs.len()];
    for key in 0.. {
        let slot = slot_of(&History::hash_key(key));
        let Some(index) = configs.iter().position(|config| config.slots.contains(slot)) else { continue };
        if let Some(own) = keys.get_mut(index).filter(|own| own.len() < KEYS) {
            own.push(key);
        }
        if keys.iter().all(|own| own.len() == KEYS) {
            break;
        }
    }
    keys
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { writes, unknown, failed, keys, wrong } = self;
        write!(f, "{writes} writes acknowledged, {unknown} of unknown outcome, {failed} not done. ")?;
        write!(f, "All {keys} keys read back; {} wrong.", wrong.len())
    }
}
