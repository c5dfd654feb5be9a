//! A store that forgets: for tests, and for trying things out.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use super::{CommitError, LoadError, MetaStore, Transaction};

/// Values in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    values: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl MetaStore for MemoryStore {
    fn load(&self) -> Result<BTreeMap<String, Vec<u8>>, LoadError> {
        Ok(self.values.lock().clone())
    }

    fn commit(&self, transaction: &Transaction) -> Result<(), CommitError> {
        let mut values = self.values.lock();
        if let Some((name, _)) = transaction.expect.iter().find(|(name, value)| values.get(name) != value.as_ref()) {
            return Err(CommitError::Conflict(name.clone()));
        }
        for (name, value) in &transaction.write {
            match value {
                Some(value) => values.insert(name.clone(), value.clone()),
                None => values.remove(name),
            };
        }
        Ok(())
    }
}
