//! Applying committed mutations, in order of decree.

use std::sync::Arc;

use common::types::Mutation;

use super::decree::Applied;
use super::error::StorageError;
use super::store::Storage;

impl Storage {
    /// Applies committed mutations; not durable until they are flushed, by RocksDB itself or by [`Storage::flush`]. Blocks
    /// while RocksDB holds writers back.
    ///
    /// The mutations follow each other and what is applied, without a gap; anything else is a broken invariant.
    ///
    /// # Errors
    /// If it is closed or the disk failed; nothing of them is applied then. [`Storage::write_out`]'s, where that was due:
    /// they are applied then, as a restart will find out from the log.
    pub fn apply(&self, mutations: &[Arc<Mutation>]) -> Result<Applied, StorageError> {
        if self.inner.buffer.is_full() {
            self.write_out()?;
        }
        let applied = self.take(mutations)?;
        if self.inner.buffer.take_due() {
            self.write_out()?;
        }
        Ok(applied)
    }

    /// As [`Storage::apply`], but never waits: `None` if RocksDB has not kept up with what was applied before; nothing of
    /// the mutations is applied then. What RocksDB is to be given it gets from a thread of the engine; if that fails, the next
    /// apply does.
    ///
    /// # Errors
    /// If it is closed or the disk failed; nothing of them is applied then.
    pub fn apply_at_once(&self, mutations: &[Arc<Mutation>]) -> Result<Option<Applied>, StorageError> {
        if self.inner.buffer.is_full() {
            return Ok(None);
        }
        let applied = self.take(mutations)?;
        if self.inner.buffer.take_due() {
            let storage = self.clone();
            self.inner.engine.writer.start(move || drop(storage.write_out()));
        }
        Ok(Some(applied))
    }

    fn take(&self, mutations: &[Arc<Mutation>]) -> Result<Applied, StorageError> {
        self.with(|_| {
            let applied = follow(self.applied(), mutations);
            self.inner.buffer.take(mutations, applied, &self.inner.records)?;
            self.publish(applied);
            Ok(applied)
        })
    }

    /// Writes what was applied before into RocksDB. Blocks while RocksDB holds writers back.
    ///
    /// # Errors
    /// If it is closed or the disk fails; nothing more is applied then until it is opened again, and what was stays
    /// readable.
    pub fn write_out(&self) -> Result<(), StorageError> {
        let goal = self.applied().decree;
        let _one_at_a_time = self.inner.writing.lock();
        while let Some(table) = self.inner.buffer.leave() {
            self.with(|rocks| rocks.write(table.batch())).inspect_err(|error| self.note(error))?;
            self.written_out(table.applied());
            self.inner.buffer.left();
            if table.applied().decree >= goal {
                break;
            }
        }
        Ok(())
    }

    /// After a failure RocksDB takes nothing more: no more is to be applied.
    pub(super) fn note(&self, error: &StorageError) {
        if !matches!(error, StorageError::Closed(_)) {
            self.inner.buffer.fail(error);
        }
    }
}

/// Where mutations lead that follow `applied`.
pub(super) fn follow(mut applied: Applied, mutations: &[Arc<Mutation>]) -> Applied {
    for mutation in mutations {
        let (found, last) = (mutation.decree, applied.decree);
        assert!(found == last.next(), "decree {found} follows {last}");
        let time_ms = applied.time_ms.max(mutation.time_ms);
        applied = Applied { decree: found, ballot: mutation.ballot, time_ms };
    }
    applied
}
