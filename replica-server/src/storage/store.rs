//! The handle to one replica's data: opening, closing, and who may use it meanwhile.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::fs::sync_parent;
use common::types::{Decree, Mutation};
use parking_lot::{Mutex, RwLock};

use super::apply::follow;
use super::decree::{Applied, DECREE_KEY};
use super::engine::Engine;
use super::error::StorageError;
use super::expiry::Expiry;
use super::record_cache::Records;
use super::rocks::{Batch, Mode, Rocks, Tier};
use super::write_buffer::{Table, WriteBuffer};

/// One replica's data. Clones are the same storage.
#[derive(Clone)]
pub struct Storage {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    dir: PathBuf,
    pub(super) engine: Engine,
    /// Read by every operation without waiting; written only to close.
    rocks: RwLock<Option<Rocks>>,
    /// What is applied and not in RocksDB yet.
    pub(super) buffer: WriteBuffer,
    /// Held while a batch is written into RocksDB: one writer at a time.
    pub(super) writing: Mutex<()>,
    pub(super) records: Records,
    applied: RwLock<Applied>,
    /// The time of what is in RocksDB: its compactions go by no later one (rule TIME).
    written_time_ms: Arc<AtomicU64>,
}

impl Storage {
    /// Makes an empty storage at decree 0, durably. Its parent directory exists.
    ///
    /// # Errors
    /// If there is a storage already, or the disk fails.
    pub fn create(engine: &Engine, dir: &Path) -> Result<Self, StorageError> {
        let storage = Self::open_as(engine, dir, Mode::Create)?;
        let mut batch = Batch::with_capacity(0);
        batch.put(DECREE_KEY, &Applied::default().encode());
        storage.with(|rocks| rocks.write(batch).and_then(|()| rocks.flush()))?;
        sync_parent(dir).map_err(|error| StorageError::io(dir, &error))?;
        Ok(storage)
    }

    /// Opens a storage at its flushed decree; what came after it is in the mutation log.
    ///
    /// # Errors
    /// If there is none, it is damaged, or the disk fails.
    pub fn open(engine: &Engine, dir: &Path) -> Result<Self, StorageError> {
        let storage = Self::open_as(engine, dir, Mode::Open)?;
        let applied = storage.with(|rocks| rocks.applied(Tier::All))?;
        storage.written_out(applied);
        storage.publish(applied);
        Ok(storage)
    }

    /// Reads up to where a closed storage is, without writing anything into its directory.
    ///
    /// # Errors
    /// If there is none, it is damaged, or the disk fails.
    pub fn read_applied(dir: &Path) -> Result<Applied, StorageError> {
        Rocks::open_read_only(dir)?.applied(Tier::All)
    }

    fn open_as(engine: &Engine, dir: &Path, mode: Mode) -> Result<Self, StorageError> {
        let written_time_ms = Arc::new(AtomicU64::new(0));
        let rocks = open_rocks(engine, dir, mode, &written_time_ms)?;
        let inner = Inner {
            dir: dir.to_owned(),
            engine: engine.clone(),
            rocks: RwLock::new(Some(rocks)),
            buffer: WriteBuffer::default(),
            writing: Mutex::new(()),
            records: Records::new(&engine.records),
            applied: RwLock::new(Applied::default()),
            written_time_ms,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Where it is.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.inner.dir
    }

    /// Up to where it is applied, in memory.
    #[must_use]
    pub fn applied(&self) -> Applied {
        *self.inner.applied.read()
    }

    /// Up to where it is durable: what a restart would find. The mutation log keeps what comes after it.
    ///
    /// # Errors
    /// If it is closed or the disk fails.
    pub fn flushed(&self) -> Result<Applied, StorageError> {
        self.with(|rocks| rocks.applied(Tier::Persisted))
    }

    /// Closes for all clones, so that the directory may be renamed; they are refused from then on. Nothing is flushed:
    /// call [`Storage::flush`] before, unless the mutation log shall bring back what is in memory. Harmless a second
    /// time.
    ///
    /// # Errors
    /// [`StorageError::InUse`] if an operation (a long scan, a checkpoint) outlasts `wait`; it then stays open.
    pub fn close(&self, wait: Duration) -> Result<(), StorageError> {
        let mut rocks =
            self.inner.rocks.try_write_for(wait).ok_or_else(|| StorageError::InUse(self.inner.dir.clone()))?;
        if let Some(rocks) = rocks.take() {
            rocks.stop();
        }
        self.inner.buffer.clear();
        Ok(())
    }

    /// Closes and opens again in place, for all clones, and brings back from the mutation log what was in memory: after
    /// a full disk had failed a flush, RocksDB takes nothing more until then. `tail` gives the log's mutations past the
    /// flushed decree. Meanwhile operations are refused as closed.
    ///
    /// # Errors
    /// [`StorageError::InUse`] as for [`Storage::close`]. On any other error it stays closed: opening failed, or the
    /// mutations do not reach up to what was applied.
    pub fn reopen(
        &self,
        wait: Duration,
        tail: &mut dyn FnMut(Decree) -> Vec<Arc<Mutation>>,
    ) -> Result<Applied, StorageError> {
        let dir = self.dir();
        let _one_writer = self.inner.writing.lock();
        let mut place = self.inner.rocks.try_write_for(wait).ok_or_else(|| StorageError::InUse(dir.to_owned()))?;
        if let Some(rocks) = place.take() {
            rocks.stop();
        }
        let rocks = open_rocks(&self.inner.engine, dir, Mode::Open, &self.inner.written_time_ms)?;
        let (flushed, wanted) = (rocks.applied(Tier::All)?, self.applied());
        let mut missing = tail(flushed.decree);
        missing.retain(|mutation| mutation.decree > flushed.decree && mutation.decree <= wanted.decree);
        let applied = follow(flushed, &missing);
        rocks.write(Table::of(&missing, applied).batch())?;
        if applied.decree != wanted.decree {
            return Err(StorageError::corruption(
                dir,
                format!("the log ends at {}, not {}", applied.decree, wanted.decree),
            ));
        }
        self.written_out(applied);
        self.inner.buffer.clear();
        *place = Some(rocks);
        Ok(applied)
    }

    /// As [`Storage::with`], once everything that was applied before is in RocksDB. Blocks.
    pub(super) fn with_all<T>(&self, run: impl FnOnce(&Rocks) -> Result<T, StorageError>) -> Result<T, StorageError> {
        self.write_out()?;
        self.with(run)
    }

    /// Runs an operation, unless the storage is closed or being closed. Never waits for a closer.
    pub(super) fn with<T>(&self, run: impl FnOnce(&Rocks) -> Result<T, StorageError>) -> Result<T, StorageError> {
        let guard = self.inner.rocks.try_read();
        match guard.as_deref() {
            Some(Some(rocks)) => run(rocks),
            Some(None) | None => Err(StorageError::Closed(self.inner.dir.clone())),
        }
    }

    pub(super) fn publish(&self, applied: Applied) {
        *self.inner.applied.write() = applied;
    }

    pub(super) fn written_out(&self, applied: Applied) {
        self.inner.written_time_ms.store(applied.time_ms, Ordering::Relaxed);
    }
}

fn open_rocks(engine: &Engine, dir: &Path, mode: Mode, time: &Arc<AtomicU64>) -> Result<Rocks, StorageError> {
    let expiry = Expiry { written_time_ms: Arc::clone(time), skew_ms: engine.skew_ms };
    Rocks::open(&engine.shared, dir, mode, expiry)
}

impl std::fmt::Debug for Storage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Storage").field("dir", &self.inner.dir).field("applied", &self.applied()).finish()
    }
}
