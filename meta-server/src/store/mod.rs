//! Where the meta server keeps what must survive it: small named values, changed by compare-and-set transactions.
//!
//! The trait is blocking: it is called on the owner's own thread, never on a runtime thread.

mod kinds;
mod ledger;
mod memory;
mod rocks;

#[cfg(test)]
mod conformance;

use std::collections::BTreeMap;

pub use kinds::{DecodeError, decode, encode};
pub use ledger::{Ledger, LedgerError};
pub use memory::MemoryStore;
pub use rocks::RocksStore;

/// A store of named values.
///
/// [`MetaStore::commit`] is atomic and durable: when it answers `Ok`, a power cut does not undo it, and no reader ever
/// sees a part of it. After [`CommitError::Unknown`] the caller reads again before it decides anything (rule META).
pub trait MetaStore: Send + Sync + std::fmt::Debug {
    /// Every value, by name.
    ///
    /// # Errors
    /// The store cannot be read.
    fn load(&self) -> Result<BTreeMap<String, Vec<u8>>, LoadError>;

    /// Writes all or nothing, if every expectation holds.
    ///
    /// # Errors
    /// [`CommitError`].
    fn commit(&self, transaction: &Transaction) -> Result<(), CommitError>;
}

/// What to write, and what must be there for it. `None` is "no such value".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    /// Names with the values that they must have.
    pub expect: Vec<(String, Option<Vec<u8>>)>,
    /// Names with the values that they get; each name at most once.
    pub write: Vec<(String, Option<Vec<u8>>)>,
}

/// The store cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the metadata store cannot be read: {0}; check the disk of data_dir")]
pub struct LoadError(pub String);

/// Why a transaction is not known to be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// An expectation does not hold; nothing was written.
    #[error("'{0}' is not what it was: somebody else writes to this metadata store")]
    Conflict(String),
    /// It may have been written or not.
    #[error("the outcome of a write to the metadata store is unknown: {0}")]
    Unknown(String),
}
