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
        self.read(key, Tier::All).map(Option::flatten)
    }

    /// The stored value, if memory knows it: fit for a runtime thread (about 3 µs).
    ///
    /// # Errors
    /// If it is closed or damaged.
    pub fn get_cached(&self, key: &[u8]) -> Result<Cached, StorageError> {
        self.read(key, Tier::CacheOnly).map(|found| found.map_or(Cached::NotInCache, Cached::Found))
    }

    /// Asks the cache, then the write buffer, then RocksDB: what leaves one is in the next already.
    fn read(&self, key: &[u8], tier: Tier) -> Result<Option<Option<Bytes>>, StorageError> {
        self.with(|rocks| {
            self.inner.records.read(key, || {
                let buffered = self.inner.buffer.tables().get(key);
                buffered.map_or_else(|| rocks.get(key, tier), |value| Ok(Some(value)))
            })
        })
    }

    /// The stored values, in the order of the keys, all of one moment. Blocks on the disk.
    ///
    /// # Errors
    /// If it is closed, damaged, or the disk fails.
    pub fn multi_get(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, StorageError> {
        self.with(|rocks| {
            let tables = self.inner.buffer.tables();
            let buffered: Vec<_> = keys.iter().map(|key| tables.get(key)).collect();
            let moment = rocks.snapshot(Tier::All);
            drop(tables);
            let wanted = keys.iter().zip(&buffered).filter_map(|(key, value)| value.is_none().then_some(key));
            let mut stored = moment.multi_get(wanted)?.into_iter();
            Ok(buffered.into_iter().map(|value| value.unwrap_or_else(|| stored.next().flatten())).collect())
        })
    }
}
