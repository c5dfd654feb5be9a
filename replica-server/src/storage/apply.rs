//! Applying committed mutations, in order of decree.

use std::sync::Arc;

use common::types::{Body, Mutation, WriteOp};

use super::decree::{Applied, DECREE_KEY};
use super::error::StorageError;
use super::rocks::{Batch, Rocks};
use super::store::Storage;

impl Storage {
    /// Applies committed mutations as one batch with the decree record; not durable until it is flushed, by RocksDB
    /// itself or by [`Storage::flush`]. Blocks while RocksDB holds writers back.
    ///
    /// The mutations follow each other and what is applied, without a gap; anything else is a broken invariant.
    ///
    /// # Errors
    /// If it is closed or the disk fails; nothing of them is applied then.
    pub fn apply(&self, mutations: &[Arc<Mutation>]) -> Result<Applied, StorageError> {
        let _one_writer = self.inner.writing.lock();
        let noted = self.inner.records.write(mutations);
        let applied = self.with(|rocks| write(rocks, self.applied(), mutations))?;
        noted.done();
        self.publish(applied);
        Ok(applied)
    }

    /// As [`Storage::apply`], but never waits for RocksDB: `None` if it holds writers back at the moment; nothing of the
    /// mutations is applied then.
    ///
    /// # Errors
    /// As there.
    pub fn apply_at_once(&self, mutations: &[Arc<Mutation>]) -> Result<Option<Applied>, StorageError> {
        let _one_writer = self.inner.writing.lock();
        let noted = self.inner.records.write(mutations);
        let (batch, applied) = gather(self.applied(), mutations);
        let written = self.with(|rocks| rocks.write_at_once(batch))?;
        Ok(written.then(|| {
            noted.done();
            self.publish(applied);
            applied
        }))
    }
}

/// Writes mutations that follow `applied` as one batch.
pub(super) fn write(rocks: &Rocks, applied: Applied, mutations: &[Arc<Mutation>]) -> Result<Applied, StorageError> {
    let (batch, applied) = gather(applied, mutations);
    rocks.write(batch)?;
    Ok(applied)
}

/// Mutations that follow `applied` as one batch, and up to where that leads.
fn gather(mut applied: Applied, mutations: &[Arc<Mutation>]) -> (Batch, Applied) {
    let mut batch = Batch::with_capacity(mutations.iter().map(|mutation| mutation.size()).sum());
    for mutation in mutations {
        let (found, last) = (mutation.decree, applied.decree);
        assert!(found == last.next(), "decree {found} follows {last}");
        applied = add(&mut batch, mutation, applied);
    }
    batch.put(DECREE_KEY, &applied.encode());
    (batch, applied)
}

fn add(batch: &mut Batch, mutation: &Mutation, applied: Applied) -> Applied {
    if let Body::Writes(writes) = &mutation.body {
        for op in writes.iter() {
            match op {
                WriteOp::Put { key, value } => batch.put(key, value),
                WriteOp::Delete { key } => batch.delete(key),
            }
        }
    }
    let time_ms = applied.time_ms.max(mutation.time_ms);
    Applied { decree: mutation.decree, ballot: mutation.ballot, time_ms }
}
