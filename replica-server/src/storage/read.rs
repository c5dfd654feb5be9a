//! Reading single records. Values come as they are stored (`common::types::Value`); whether one is expired is for the
//! caller to judge, who knows the time (rule TIME).

use bytes::Bytes;

use super::error::StorageError;
use super::rocks::Tier;
use super::store::Storage;

/// What a read that may not touch the disk says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cached {
    /// The stored value, or that there is no such record.
    Found(Option<Bytes>),
    /// Only the disk knows: read again with [`Storage::get`] where blocking is allowed.
    NotInCache,
}

impl Storage {
    /// The stored value. Blocks on the disk.
    ///
    /// # Errors
    /// If it is closed, damaged, or the disk fails.
    pub fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        self.with(|rocks| self.inner.records.read(key, || rocks.get(key, Tier::All))).map(Option::flatten)
    }

    /// The stored value, if memory knows it: fit for a runtime thread (about 3 µs).
    ///
    /// # Errors
    /// If it is closed or damaged.
    pub fn get_cached(&self, key: &[u8]) -> Result<Cached, StorageError> {
        let found = self.with(|rocks| self.inner.records.read(key, || rocks.get(key, Tier::CacheOnly)))?;
        Ok(found.map_or(Cached::NotInCache, Cached::Found))
    }

    /// The stored values, in the order of the keys, all of one moment. Blocks on the disk.
    ///
    /// # Errors
    /// If it is closed, damaged, or the disk fails.
    pub fn multi_get(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, StorageError> {
        self.with(|rocks| rocks.multi_get(keys))
    }
}
