//! The owner's view of the store: writes records against what it last knew to be there, and reads everything again
//! when it cannot know.

use std::collections::BTreeMap;
use std::sync::Arc;

use meta_state::Record;

use super::{CommitError, DecodeError, LoadError, MetaStore, Transaction, decode, encode};

/// The store with what was last known of it.
#[derive(Debug)]
pub struct Ledger {
    store: Arc<dyn MetaStore>,
    known: BTreeMap<String, Vec<u8>>,
}

/// Why the store's content is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// It cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It holds what cannot be understood.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

impl Ledger {
    /// Reads the whole store.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn open(store: Arc<dyn MetaStore>) -> Result<(Self, Vec<Record>), LedgerError> {
        let mut ledger = Self { store, known: BTreeMap::new() };
        let records = ledger.read_again()?;
        Ok((ledger, records))
    }

    /// Everything that is stored now.
    ///
    /// # Errors
    /// [`LedgerError`]; what was known before still is.
    pub fn read_again(&mut self) -> Result<Vec<Record>, LedgerError> {
        let found = self.store.load()?;
        let records = found.iter().map(|(name, value)| decode(name, value)).collect::<Result<_, _>>()?;
        self.known = found;
        Ok(records)
    }

    /// Writes records, durably, if everything concerned is as it was last known.
    ///
    /// # Errors
    /// [`CommitError`]; then read again before anything is decided.
    pub fn commit(&mut self, records: &[Record]) -> Result<(), CommitError> {
        let write: BTreeMap<_, _> = records.iter().map(encode).collect();
        let expect = write.keys().map(|name| (name.clone(), self.known.get(name).cloned())).collect();
        let write: Vec<_> = write.into_iter().collect();
        self.store.commit(&Transaction { expect, write: write.clone() })?;
        for (name, value) in write {
            match value {
                Some(value) => self.known.insert(name, value),
                None => self.known.remove(&name),
            };
        }
        Ok(())
    }

    /// Whether exactly these records are what is stored, as far as is known.
    #[must_use]
    pub fn holds(&self, records: &[Record]) -> bool {
        records.iter().map(encode).all(|(name, value)| self.known.get(&name) == value.as_ref())
    }
}
