//! The default store: an embedded RocksDB whose log is fsynced with every transaction.

use std::collections::BTreeMap;
use std::path::Path;

use parking_lot::Mutex;
use rocksdb::{DB, DBRecoveryMode, IteratorMode, Options, WriteBatch, WriteOptions};

use super::{CommitError, LoadError, MetaStore, Transaction};

/// Values in a RocksDB of their own.
#[derive(Debug)]
pub struct RocksStore {
    /// Locked for the time of a transaction, so that nothing comes between its expectations and its writes.
    db: Mutex<DB>,
}

impl RocksStore {
    /// Opens the store in a directory, which is made if it is not there.
    ///
    /// # Errors
    /// The directory cannot be used, or another process uses it.
    pub fn open(dir: &Path) -> Result<Self, LoadError> {
        let error = |what: String| LoadError(format!("{}: {what}", dir.display()));
        std::fs::create_dir_all(dir).map_err(|e| error(e.to_string()))?;
        let mut options = Options::default();
        options.create_if_missing(true);
        // What a power cut tore off at the end was never acknowledged; damage anywhere else is refused, not skipped.
        options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
        options.set_write_buffer_size(16 << 20);
        options.set_max_open_files(64);
        options.set_keep_log_file_num(4);
        let db = DB::open(&options, dir).map_err(|e| error(e.to_string()))?;
        Ok(Self { db: Mutex::new(db) })
    }
}

impl MetaStore for RocksStore {
    fn load(&self) -> Result<BTreeMap<String, Vec<u8>>, LoadError> {
        let db = self.db.lock();
        let mut values = BTreeMap::new();
        for entry in db.iterator(IteratorMode::Start) {
            let (name, value) = entry.map_err(|e| LoadError(e.to_string()))?;
            let name = String::from_utf8(name.into_vec()).map_err(|e| LoadError(e.to_string()))?;
            values.insert(name, value.into_vec());
        }
        Ok(values)
    }

    fn commit(&self, transaction: &Transaction) -> Result<(), CommitError> {
        let db = self.db.lock();
        for (name, expected) in &transaction.expect {
            let found = db.get(name).map_err(|e| CommitError::Unknown(e.to_string()))?;
            if found != *expected {
                return Err(CommitError::Conflict(name.clone()));
            }
        }
        let mut batch = WriteBatch::default();
        for (name, value) in &transaction.write {
            match value {
                Some(value) => batch.put(name, value),
                None => batch.delete(name),
            }
        }
        let mut synced = WriteOptions::default();
        synced.set_sync(true);
        db.write_opt(batch, &synced).map_err(|e| CommitError::Unknown(e.to_string()))
    }
}
