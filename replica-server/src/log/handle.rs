//! What others hold of a disk's log: the log itself, and one replica's part of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use common::types::{Decree, Gpid, Incarnation, Mutation, Time};
use pacifica::AppendSeq;
use parking_lot::{Mutex, RwLock};

use super::error::LogError;
use super::format::{FRAME_HEADER, GROUP_HEADER};
use super::index::{Index, ReplicaKey};
use super::options::{LogOptions, SyncMode};
use super::pins::{Pin, Pins};
use super::queue::{Attached, Pending, Queue};
use super::recovery::{Damage, Recovery, recover};
use super::segment::{Segment, Spare};
use super::space::{Reservation, Space};
use super::stats::{LogStats, Stats};
use super::writer::Writer;

/// Told of one replica's appends, from the log's thread: it must not block.
pub trait AppendSink: Send + Sync {
    /// All its appends up to `seq` are done, in the sense of the sync mode.
    fn durable(&self, seq: AppendSeq);

    /// An append failed; its outcome is unknown, and so is that of those after it, which are refused until the
    /// replica attaches again (rule DECREES).
    fn failed(&self, error: &LogError);
}

/// How the log is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogStatus {
    /// It takes appends.
    Normal,
    /// No space for further segments: reservations are refused until space returns.
    NoSpace,
    /// It failed and takes nothing more: the disk is IO_ERROR.
    IoError(LogError),
}

/// What the writer thread and the handles share.
pub(super) struct Shared {
    pub options: LogOptions,
    pub queue: Queue,
    pub state: RwLock<State>,
    pub space: Arc<Space>,
    pub spares: Mutex<Vec<Spare>>,
    pub pins: Arc<Pins>,
    pub stats: Stats,
    pub damage: Vec<Damage>,
    /// What the last collection was told to be flushed.
    pub flushed: Mutex<BTreeMap<ReplicaKey, Option<Decree>>>,
    /// Replicas that were here when the log was opened: damage of which nobody knows whom it hit may concern them.
    pub suspects: Mutex<BTreeSet<ReplicaKey>>,
    short_of_space: AtomicBool,
    poison: Mutex<Option<LogError>>,
}

/// The segments there are, and where records are in them.
#[derive(Default)]
pub(super) struct State {
    pub segments: BTreeMap<u64, Arc<Segment>>,
    pub index: Index,
}

impl Shared {
    pub(super) fn poison(&self) -> Option<LogError> {
        self.poison.lock().clone()
    }

    pub(super) fn set_poison(&self, error: LogError) {
        self.poison.lock().get_or_insert(error);
    }

    pub(super) fn is_short_of_space(&self) -> bool {
        self.short_of_space.load(Ordering::Relaxed)
    }

    pub(super) fn set_short_of_space(&self, short: bool) {
        self.short_of_space.store(short, Ordering::Relaxed);
    }
}

/// A disk's log. Clones are the same log; the last one to go closes it.
#[derive(Clone)]
pub struct DiskLog {
    core: Arc<Core>,
}

struct Core {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl DiskLog {
    /// Opens the log of a disk, or begins one. What it recovered is durable when this returns. A full disk is no
    /// error: the log then takes appends once space returns.
    ///
    /// # Errors
    /// [`LogError::NewerFormat`] (nothing was changed), or the disk fails.
    pub fn open(options: LogOptions) -> Result<(Self, Recovery), LogError> {
        let options = options.sanitized();
        let recovered = recover(&options.dir)?;
        let shared = Arc::new(Shared {
            options,
            queue: Queue::default(),
            state: RwLock::new(State { segments: recovered.segments, index: recovered.index }),
            space: Arc::default(),
            spares: Mutex::default(),
            pins: Arc::default(),
            stats: Stats::default(),
            damage: recovered.recovery.damage.clone(),
            flushed: Mutex::default(),
            suspects: Mutex::default(),
            short_of_space: AtomicBool::new(false),
            poison: Mutex::default(),
        });
        let writer = Writer::start(Arc::clone(&shared), recovered.last)?;
        let spawned = std::thread::Builder::new().name("log-writer".to_owned()).spawn(move || writer.run());
        let thread = spawned.map_err(|error| LogError::io(&shared.options.dir, &error))?;
        let core = Core { shared, thread: Mutex::new(Some(thread)) };
        Ok((Self { core: Arc::new(core) }, recovered.recovery))
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.core.shared
    }

    /// Where it is.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.core.shared.options.dir
    }

    /// Sets space aside for a write of so many bytes before it gets a decree (rule DECREES). A few atomic operations.
    /// Drop the reservation once the fate of the write is known.
    ///
    /// # Errors
    /// [`LogError::NoSpace`], which ends by itself; [`LogError::TooLarge`]; [`LogError::Poisoned`].
    pub fn reserve(&self, bytes: usize) -> Result<Reservation, LogError> {
        let shared = &self.core.shared;
        let (bytes, bytes_max) = ((bytes + FRAME_HEADER + GROUP_HEADER + 8) as u64, shared.options.write_bytes_max());
        if bytes > bytes_max {
            return Err(LogError::TooLarge { bytes, bytes_max });
        }
        if let Some(reservation) = shared.space.reserve(bytes, shared.options.frame_bytes_max()) {
            return Ok(reservation);
        }
        shared.queue.nudge();
        Err(shared.poison().unwrap_or_else(|| LogError::NoSpace { dir: self.dir().to_owned() }))
    }

    /// Begins appends of one copy. After a failed append it must attach again.
    #[must_use]
    pub fn attach(&self, gpid: Gpid, incarnation: Incarnation, sink: Arc<dyn AppendSink>) -> ReplicaLog {
        let attached = Attached { replica: (gpid, incarnation), sink, failed: AtomicBool::new(false) };
        ReplicaLog { log: self.clone(), attached: Arc::new(attached) }
    }

    /// Makes everything appended so far durable, whatever the sync mode. Blocks.
    ///
    /// # Errors
    /// [`LogError::TimedOut`] after `wait`, or the log is poisoned.
    pub fn sync(&self, wait: Duration) -> Result<(), LogError> {
        if !self.core.shared.queue.sync(wait) {
            return Err(LogError::TimedOut { dir: self.dir().to_owned() });
        }
        self.core.shared.poison().map_or(Ok(()), Err)
    }

    /// How it is.
    #[must_use]
    pub fn status(&self) -> LogStatus {
        match self.core.shared.poison() {
            Some(error) => LogStatus::IoError(error),
            None if self.core.shared.is_short_of_space() => LogStatus::NoSpace,
            None => LogStatus::Normal,
        }
    }

    /// When the oldest append that is not done was queued: more than `log.stall` ago, and the disk hangs (rule LEASES).
    #[must_use]
    pub fn oldest_append(&self) -> Option<Time> {
        self.core.shared.queue.oldest()
    }

    /// What it counted.
    #[must_use]
    pub fn stats(&self) -> LogStats {
        let shared = &self.core.shared;
        let held = self.held().values().sum();
        LogStats {
            segments: shared.state.read().segments.len() as u64,
            held_bytes: held,
            capacity_bytes: shared.space.capacity.load(Ordering::Relaxed),
            promised_bytes: shared.space.promised(),
            ..shared.stats.read()
        }
    }

    /// Bytes of records in the log, by partition.
    #[must_use]
    pub fn held(&self) -> BTreeMap<Gpid, u64> {
        let mut held = BTreeMap::new();
        let state = self.core.shared.state.read();
        for (key, share) in state.index.segments.values().flatten() {
            *held.entry(key.0).or_insert(0) += share.bytes;
        }
        held
    }

    /// How many hold it, replicas and readers included.
    #[must_use]
    pub fn holders(&self) -> usize {
        Arc::strong_count(&self.core)
    }

    /// Writes and fsyncs what is queued, and ends the thread. Appends after it are refused. Harmless a second time.
    pub fn close(&self) {
        self.core.close();
    }
}

impl Core {
    fn close(&self) {
        self.shared.queue.close();
        let Some(thread) = self.thread.lock().take() else { return };
        // A sink may hold the last handle: the thread cannot wait for itself.
        if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
            tracing::error!(dir = %self.shared.options.dir.display(), "the log's thread had panicked");
        }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.close();
    }
}

/// One copy's part of the log.
#[derive(Clone)]
pub struct ReplicaLog {
    pub(super) log: DiskLog,
    pub(super) attached: Arc<Attached>,
}

impl ReplicaLog {
    /// Appends; the sink learns the outcome. Never blocks. Appends of one copy come one after the other, with rising
    /// `seq`.
    pub fn append(&self, seq: AppendSeq, mutation: Arc<Mutation>, committed: Decree) {
        let shared = &self.log.core.shared;
        let queued_at = shared.options.clock.mono();
        let pending = Pending { attached: Arc::clone(&self.attached), seq, mutation, committed, queued_at };
        match shared.queue.push(pending) {
            Ok(true) => nudge_soon(shared),
            Ok(false) => {}
            Err(_) => self.attached.sink.failed(&LogError::Closed { dir: self.log.dir().to_owned() }),
        }
    }

    /// The log that it is part of.
    #[must_use]
    pub const fn disk_log(&self) -> &DiskLog {
        &self.log
    }

    /// The first decree from which the log has everything up to its last record, without a gap. What came before a
    /// learned checkpoint does not count.
    #[must_use]
    pub fn whole_from(&self) -> Option<Decree> {
        let state = self.log.core.shared.state.read();
        let mut held = state.index.replicas.get(&self.attached.replica)?.live.keys().rev().copied();
        let last = held.next()?;
        Some(
            held.zip(1..)
                .take_while(|(decree, back)| decree.0 + back == last.0)
                .last()
                .map_or(last, |(decree, _)| decree),
        )
    }

    /// The first decree that the log still holds.
    #[must_use]
    pub fn first_decree(&self) -> Option<Decree> {
        let state = self.log.core.shared.state.read();
        state.index.replicas.get(&self.attached.replica)?.live.keys().next().copied()
    }

    /// Keeps the records from `from` on until the pin is dropped, at most until `deadline` (of the log's clock).
    #[must_use]
    pub fn pin(&self, from: Decree, deadline: Time) -> Pin {
        self.log.core.shared.pins.pin(self.attached.replica, from, deadline)
    }
}

/// Turns of the runtime in which a log that does not sync gathers: its wake-ups cost it more than its writes.
const GATHER_TURNS: usize = 6;

/// Wakes the writer once everything that is ready on this runtime has run: what that appends shares the wake-up and the
/// group. The writer looks for itself within a second, should the runtime end before.
fn nudge_soon(shared: &Arc<Shared>) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return shared.queue.nudge() };
    let shared = Arc::clone(shared);
    // A sync takes longer than many turns: it had better begin.
    let turns = if shared.options.sync == SyncMode::Always { 1 } else { GATHER_TURNS };
    runtime.spawn(async move {
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        shared.queue.nudge();
    });
}

impl std::fmt::Debug for DiskLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DiskLog").field("dir", &self.dir()).field("status", &self.status()).finish()
    }
}

impl std::fmt::Debug for ReplicaLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReplicaLog").field("replica", &self.attached.replica).field("log", &self.log).finish()
    }
}
