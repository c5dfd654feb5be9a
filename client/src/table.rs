//! A table: the operations on its records.
#![allow(clippy::wildcard_enum_match_arm, reason = "each operation has one right kind of reply; all others are wrong")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::rpc::WireError;
use common::rpc::data::{DataOp, DataReply};
use common::types::{encode_key, slot_of};

use crate::error::ClientError;
use crate::router::{RouteCell, Router};
use crate::scan::{Scanner, Scope, count};

/// A table. Records are found by a hash key, whose records all live together, and a sort key within it.
#[derive(Clone, Debug)]
pub struct Table {
    router: Arc<Router>,
    route: Arc<RouteCell>,
}

/// The life of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeToLive {
    /// There is no such record.
    NoRecord,
    /// It does not expire.
    Forever,
    /// It expires after this time.
    Left(Duration),
}

/// What came of a compare-and-set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// Whether it was written.
    pub written: bool,
    /// What was there before.
    pub previous: Option<Bytes>,
}

impl Table {
    pub(crate) const fn new(router: Arc<Router>, route: Arc<RouteCell>) -> Self {
        Self { router, route }
    }

    /// The value of a record, `None` if there is none.
    ///
    /// # Errors
    /// [`ClientError`]; never [`ClientError::OutcomeUnknown`], as for all reads.
    pub async fn get(&self, hash_key: &[u8], sort_key: &[u8]) -> Result<Option<Bytes>, ClientError> {
        let key = encode_key(hash_key, sort_key)?;
        match self.run(hash_key, DataOp::Get { key }).await? {
            DataReply::Value(value) => Ok(value),
            other => Err(unexpected(&other)),
        }
    }

    /// Sets a record, for ever.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn put(&self, hash_key: &[u8], sort_key: &[u8], value: impl Into<Bytes>) -> Result<(), ClientError> {
        self.put_for(hash_key, sort_key, value.into(), None).await
    }

    /// Sets a record that expires after `ttl` (to the millisecond).
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn put_with_ttl(
        &self,
        hash_key: &[u8],
        sort_key: &[u8],
        value: impl Into<Bytes>,
        ttl: Duration,
    ) -> Result<(), ClientError> {
        self.put_for(hash_key, sort_key, value.into(), Some(ttl)).await
    }

    async fn put_for(
        &self,
        hash_key: &[u8],
        sort_key: &[u8],
        payload: Bytes,
        ttl: Option<Duration>,
    ) -> Result<(), ClientError> {
        self.check(&payload)?;
        let op = DataOp::Put { key: encode_key(hash_key, sort_key)?, payload, ttl_ms: ttl.map(millis) };
        self.done(hash_key, op).await
    }

    /// Removes a record, whether it is there or not.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn delete(&self, hash_key: &[u8], sort_key: &[u8]) -> Result<(), ClientError> {
        let key = encode_key(hash_key, sort_key)?;
        self.done(hash_key, DataOp::Delete { key }).await
    }

    /// The values of several records of one hash key, in the order asked.
    ///
    /// # Errors
    /// [`ClientError`]; `Refused` with `TOO_LARGE` if the values together exceed a frame (8 MiB).
    pub async fn multi_get<K: AsRef<[u8]>>(
        &self,
        hash_key: &[u8],
        sort_keys: &[K],
    ) -> Result<Vec<Option<Bytes>>, ClientError> {
        let keys =
            sort_keys.iter().map(|sort_key| encode_key(hash_key, sort_key.as_ref())).collect::<Result<_, _>>()?;
        match self.run(hash_key, DataOp::MultiGet { keys }).await? {
            DataReply::Values(values) if values.len() == sort_keys.len() => Ok(values),
            other => Err(unexpected(&other)),
        }
    }

    /// Sets several records of one hash key, all or none.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn multi_put<K: AsRef<[u8]>, V: Into<Bytes>>(
        &self,
        hash_key: &[u8],
        records: impl IntoIterator<Item = (K, V)>,
        ttl: Option<Duration>,
    ) -> Result<(), ClientError> {
        let mut encoded = Vec::new();
        for (sort_key, value) in records {
            let value = value.into();
            self.check(&value)?;
            encoded.push((encode_key(hash_key, sort_key.as_ref())?, value));
        }
        self.done(hash_key, DataOp::MultiPut { records: encoded, ttl_ms: ttl.map(millis) }).await
    }

    /// Adds to a record that holds a decimal integer (absent: 0) and returns the sum.
    ///
    /// # Errors
    /// [`ClientError`]; `Refused` if the record is no integer or the sum overflows.
    pub async fn increment(&self, hash_key: &[u8], sort_key: &[u8], by: i64) -> Result<i64, ClientError> {
        let key = encode_key(hash_key, sort_key)?;
        match self.run(hash_key, DataOp::Increment { key, by }).await? {
            DataReply::Integer(sum) => Ok(sum),
            other => Err(unexpected_after_write(&other)),
        }
    }

    /// Sets a record to `value` (`None`: removes it) if it now is `expected` (`None`: absent).
    ///
    /// # Errors
    /// [`ClientError`]. That the comparison failed is no error.
    pub async fn compare_and_set(
        &self,
        hash_key: &[u8],
        sort_key: &[u8],
        expected: Option<&[u8]>,
        value: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> Result<Compared, ClientError> {
        if let Some(value) = &value {
            self.check(value)?;
        }
        let expected = expected.map(Bytes::copy_from_slice);
        let key = encode_key(hash_key, sort_key)?;
        let op = DataOp::CompareAndSet { key, expected, payload: value, ttl_ms: ttl.map(millis) };
        match self.run(hash_key, op).await? {
            DataReply::Compared { written, previous } => Ok(Compared { written, previous }),
            other => Err(unexpected_after_write(&other)),
        }
    }

    /// How long a record still lives.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn ttl(&self, hash_key: &[u8], sort_key: &[u8]) -> Result<TimeToLive, ClientError> {
        let key = encode_key(hash_key, sort_key)?;
        match self.run(hash_key, DataOp::Ttl { key }).await? {
            DataReply::Ttl(None) => Ok(TimeToLive::NoRecord),
            DataReply::Ttl(Some(None)) => Ok(TimeToLive::Forever),
            DataReply::Ttl(Some(Some(ms))) => Ok(TimeToLive::Left(Duration::from_millis(ms))),
            other => Err(unexpected(&other)),
        }
    }

    /// Reads records page by page, in order of their keys: by slot, hash key, sort key. Not a snapshot: what is written
    /// meanwhile may or may not be seen.
    #[must_use]
    pub fn scan(&self, scope: Scope) -> Scanner {
        Scanner::new(self.clone(), scope)
    }

    /// Counts live records.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn count(&self, scope: Scope) -> Result<u64, ClientError> {
        count(self, scope).await
    }

    pub(crate) const fn router(&self) -> &Arc<Router> {
        &self.router
    }

    pub(crate) const fn route(&self) -> &Arc<RouteCell> {
        &self.route
    }

    async fn run(&self, hash_key: &[u8], op: DataOp) -> Result<DataReply, ClientError> {
        self.router.run(&self.route, slot_of(hash_key), op).await.map(|(_, reply)| reply)
    }

    async fn done(&self, hash_key: &[u8], op: DataOp) -> Result<(), ClientError> {
        match self.run(hash_key, op).await? {
            DataReply::Done => Ok(()),
            other => Err(unexpected_after_write(&other)),
        }
    }

    fn check(&self, value: &Bytes) -> Result<(), ClientError> {
        let limit = self.router.options().value_bytes_max;
        if value.len() > limit { Err(ClientError::TooLarge { bytes: value.len(), limit }) } else { Ok(()) }
    }
}

/// Rounded up: a record must not die before its time.
fn millis(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// A server that answers a read with what was not asked for.
pub(crate) fn unexpected(reply: &DataReply) -> ClientError {
    ClientError::Refused(wrong_kind(reply))
}

/// The same after a write: nobody knows what such a server did.
fn unexpected_after_write(reply: &DataReply) -> ClientError {
    ClientError::OutcomeUnknown(wrong_kind(reply))
}

fn wrong_kind(reply: &DataReply) -> WireError {
    WireError::internal(format!("the server answered with a wrong kind of reply: {reply:?}"))
}
