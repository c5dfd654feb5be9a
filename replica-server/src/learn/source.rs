//! The primary's side: what it offers, and the sessions that keep the offered log or checkpoint in place.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use common::clock::Clock;
use common::fs::{create_dir_durable, remove_dir_gently};
use common::job::LearnKind;
use common::pool::{Pool, outcome};
use common::rpc::peer::{LearnChunk, LearnFile, LearnOffer, LearnRequest};
use common::rpc::{ErrorCode, WireError, WireResult};
use common::types::{Decree, Gpid, Member, Mutation, Time};
use futures::future::BoxFuture;
use parking_lot::Mutex;
use replica_state::learn::{Holdings, offer};
use tokio::task::JoinHandle;

use crate::disk::layout;
use crate::log::{Pin, ReplicaLog};
use crate::storage::{Checkpoint, Storage};

/// A session that nobody asks of for so long is dropped, and with it its pin (rule PINS).
const IDLE_MAX: Duration = Duration::from_secs(60);
/// Largest piece of a file, and about the largest answer of log records, in bytes.
const CHUNK: usize = 1 << 20;

/// What the source must know of a replica.
pub(crate) struct Facts {
    pub(crate) me: Member,
    pub(crate) is_primary: bool,
    pub(crate) committed: Decree,
    pub(crate) storage: Storage,
    pub(crate) log: ReplicaLog,
    /// The disk on which a checkpoint can be hard-linked.
    pub(crate) disk_dir: PathBuf,
}

/// The layer above, which knows the replicas.
pub(crate) trait SourceHost: Send + Sync {
    /// A replica of this node that is open.
    fn facts(&self, gpid: Gpid) -> Option<Facts>;
    /// Committed mutations from `from` on, if the prepare cache has them all.
    fn cached(&self, gpid: Gpid, from: Decree) -> BoxFuture<'static, Option<Vec<Arc<Mutation>>>>;
}

enum Content {
    Log { log: ReplicaLog, until: Decree, _pin: Pin },
    Checkpoint { dir: PathBuf, files: Vec<LearnFile>, _pin: Pin },
}

impl Drop for Content {
    fn drop(&mut self) {
        if let Self::Checkpoint { dir, .. } = self
            && let Err(error) = remove_dir_gently(dir)
        {
            tracing::warn!(dir = %dir.display(), %error, "a learn session's checkpoint stays behind");
        }
    }
}

struct Session {
    content: Arc<Content>,
    used: Time,
}

/// Learns served, by kind.
#[derive(Debug, Default)]
pub(crate) struct LearnStats {
    /// From the prepare cache.
    pub(crate) cache: AtomicU64,
    /// From the log.
    pub(crate) log: AtomicU64,
    /// From a checkpoint.
    pub(crate) checkpoint: AtomicU64,
}

/// The sessions of this node.
pub(crate) struct Sources {
    clock: Clock,
    /// What is large is done here.
    pool: Arc<Pool>,
    sessions: Mutex<BTreeMap<u64, Session>>,
    next: AtomicU64,
    pub(crate) stats: LearnStats,
}

impl Sources {
    pub(crate) fn new(clock: Clock, first_session: u64, pool: Arc<Pool>) -> Self {
        let (next, stats) = (AtomicU64::new(first_session), LearnStats::default());
        Self { clock, pool, sessions: Mutex::default(), next, stats }
    }

    /// Answers a learner.
    ///
    /// # Errors
    /// `NOT_PRIMARY`, or what taking a checkpoint failed with.
    pub(crate) async fn learn(&self, host: &dyn SourceHost, request: LearnRequest) -> WireResult<LearnOffer> {
        self.expire();
        let facts = host.facts(request.gpid).filter(|facts| facts.is_primary && facts.me == request.primary);
        let facts = facts.ok_or_else(|| not_primary(request.gpid))?;
        let cached = host.cached(request.gpid, request.from).await;
        let holdings = Holdings {
            committed: facts.committed,
            cache_from: cached.as_ref().map(|_| request.from),
            log_from: facts.log.whole_from(),
        };
        match offer(request.from, holdings) {
            LearnKind::Cache => Ok(self.offer_cache(cached.unwrap_or_default())),
            LearnKind::Log => Ok(self.offer_log(&request, facts)),
            LearnKind::Checkpoint => self.offer_checkpoint(facts).await,
        }
    }

    fn offer_cache(&self, mutations: Vec<Arc<Mutation>>) -> LearnOffer {
        self.stats.cache.fetch_add(1, Ordering::Relaxed);
        LearnOffer::Cache { mutations }
    }

    fn offer_log(&self, request: &LearnRequest, facts: Facts) -> LearnOffer {
        self.stats.log.fetch_add(1, Ordering::Relaxed);
        let pin = facts.log.pin(request.from, self.clock.mono() + IDLE_MAX);
        let until = facts.committed;
        let session = self.open(Content::Log { log: facts.log, until, _pin: pin });
        LearnOffer::Log { session, until }
    }

    async fn offer_checkpoint(&self, facts: Facts) -> WireResult<LearnOffer> {
        self.stats.checkpoint.fetch_add(1, Ordering::Relaxed);
        let session = self.next.fetch_add(1, Ordering::Relaxed);
        let dir = layout::checkpoints_dir(&facts.disk_dir).join(format!("learn.{session}"));
        let (storage, target) = (facts.storage.clone(), dir.clone());
        let taken = self.pool.run(move || checkpoint(&storage, &target)).await?;
        let files: Vec<_> =
            taken.files.iter().map(|file| LearnFile { name: file.name.clone(), size: file.size }).collect();
        // What follows the checkpoint is learned from the log.
        let _pin = facts.log.pin(taken.decree.next(), self.clock.mono() + 10 * IDLE_MAX);
        self.insert(session, Content::Checkpoint { dir, files: files.clone(), _pin });
        Ok(LearnOffer::Checkpoint { session, decree: taken.decree, time_ms: taken.time_ms, files })
    }

    fn open(&self, content: Content) -> u64 {
        let session = self.next.fetch_add(1, Ordering::Relaxed);
        self.insert(session, content);
        session
    }

    fn insert(&self, session: u64, content: Content) {
        let entry = Session { content: Arc::new(content), used: self.clock.mono() };
        self.sessions.lock().insert(session, entry);
    }

    fn content(&self, session: u64) -> WireResult<Arc<Content>> {
        let mut sessions = self.sessions.lock();
        let entry = sessions.get_mut(&session).ok_or_else(|| gone(session))?;
        entry.used = self.clock.mono();
        Ok(Arc::clone(&entry.content))
    }

    /// The next records of a log session.
    ///
    /// # Errors
    /// `NOT_READY` if the session is gone, else what reading the log failed with.
    pub(crate) async fn log(&self, session: u64, from: Decree) -> WireResult<Vec<Arc<Mutation>>> {
        let content = self.content(session)?;
        let Content::Log { log, until, .. } = &*content else { return Err(gone(session)) };
        let (log, until) = (log.clone(), *until);
        let read = self.pool.run(move || log.read(from, CHUNK)).await;
        let mut mutations = read.map_err(|error| error.to_wire())?;
        mutations.retain(|mutation| mutation.decree <= until);
        Ok(mutations)
    }

    /// A piece of a file of a checkpoint session.
    ///
    /// # Errors
    /// `NOT_READY` if the session is gone, `INVALID_ARGUMENT` for an unknown file, else the I/O error.
    pub(crate) async fn chunk(&self, session: u64, file: u32, offset: u64) -> WireResult<LearnChunk> {
        let content = self.content(session)?;
        let Content::Checkpoint { dir, files, .. } = &*content else { return Err(gone(session)) };
        let entry = files.get(file as usize).filter(|entry| offset <= entry.size);
        let entry = entry.ok_or_else(|| WireError::new(ErrorCode::InvalidArgument, "no such file or offset", ""))?;
        let path = dir.join(&entry.name);
        let data = self.pool.run(move || read_chunk(&path, offset)).await.map_err(WireError::internal)?;
        Ok(LearnChunk { crc32: crc32fast::hash(&data), data })
    }

    /// Drops a session.
    pub(crate) fn end(&self, session: u64) {
        let ended = self.sessions.lock().remove(&session);
        drop_aside(ended);
    }

    /// Drops the sessions that read from a disk which is about to go, and waits until their files are removed; their learners
    /// begin again.
    pub(crate) async fn end_on(&self, disk: &std::path::Path) {
        outcome(drop_aside(self.take_on(disk))).await;
    }

    fn take_on(&self, disk: &std::path::Path) -> Vec<Session> {
        let mut sessions = self.sessions.lock();
        let reads = |content: &Content| match content {
            Content::Log { log, .. } => log.disk_log().dir().starts_with(disk),
            Content::Checkpoint { dir, .. } => dir.starts_with(disk),
        };
        let there: Vec<u64> = sessions.iter().filter(|(_, s)| reads(&s.content)).map(|(id, _)| *id).collect();
        there.iter().filter_map(|id| sessions.remove(id)).collect()
    }

    /// Drops the sessions that nobody asks of.
    pub(crate) fn expire(&self) {
        let now = self.clock.mono();
        let mut sessions = self.sessions.lock();
        let idle: Vec<u64> = sessions.iter().filter(|(_, s)| now.since(s.used) > IDLE_MAX).map(|(id, _)| *id).collect();
        let dropped: Vec<_> = idle.iter().filter_map(|id| sessions.remove(id)).collect();
        drop(sessions);
        drop_aside(dropped);
    }
}

/// Dropping a checkpoint session removes files: not on a runtime thread.
fn drop_aside<T: Send + 'static>(sessions: T) -> JoinHandle<()> {
    tokio::task::spawn_blocking(move || drop(sessions))
}

fn checkpoint(storage: &Storage, target: &std::path::Path) -> WireResult<Checkpoint> {
    let parent = target.parent().unwrap_or(target);
    create_dir_durable(parent).map_err(WireError::internal)?;
    storage.checkpoint(target).map_err(|error| error.to_wire())
}

fn read_chunk(path: &std::path::Path, offset: u64) -> std::io::Result<Bytes> {
    let mut file = std::fs::File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut data = Vec::with_capacity(CHUNK);
    file.take(CHUNK as u64).read_to_end(&mut data)?;
    Ok(data.into())
}

fn not_primary(gpid: Gpid) -> WireError {
    WireError::new(ErrorCode::NotPrimary, format!("this node's replica {gpid} is not the primary asked for"), "")
}

fn gone(session: u64) -> WireError {
    WireError::new(ErrorCode::NotReady, format!("learn session {session} is gone"), "begin the learn again")
}
