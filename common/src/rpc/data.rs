//! Client to replica server: the data itself.
#![allow(missing_docs, reason = "the service macro generates items without docs; the trait's methods carry them")]

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::error::WireError;
use crate::types::{Ballot, Gpid};

/// Reads and writes. Many operations share one call, so that callers of one client share its cost.
#[tarpc::service]
pub trait DataService {
    /// Executes the operations side by side (no order among them) and answers each, in the order given.
    async fn execute(requests: Vec<DataRequest>) -> Vec<Result<DataReply, DataError>>;
}

/// One operation on one partition. Keys are record keys (`common::types::encode_key`), payloads are the user's bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataRequest {
    /// Where the client's route says the keys live; checked against the partition's slots.
    pub gpid: Gpid,
    /// What to do.
    pub op: DataOp,
}

/// What to do. Lives (`ttl_ms`) are relative; the primary makes them absolute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields say what they are; lives are in milliseconds")]
pub enum DataOp {
    Get {
        key: Bytes,
    },
    MultiGet {
        keys: Vec<Bytes>,
    },
    /// Records with `start <= key < end` (empty `end`: to the end of the partition), at most `limit`.
    Scan {
        start: Bytes,
        end: Bytes,
        limit: u32,
    },
    /// Counts live records with `start <= key < end`, at most `limit` of them.
    Count {
        start: Bytes,
        end: Bytes,
        limit: u32,
    },
    /// Remaining life.
    Ttl {
        key: Bytes,
    },
    Put {
        key: Bytes,
        payload: Bytes,
        ttl_ms: Option<u64>,
    },
    Delete {
        key: Bytes,
    },
    /// All in one mutation: all or nothing.
    MultiPut {
        records: Vec<(Bytes, Bytes)>,
        ttl_ms: Option<u64>,
    },
    /// Adds to a decimal integer (absent: 0); keeps the record's life.
    Increment {
        key: Bytes,
        by: i64,
    },
    /// Writes `payload` (`None`: deletes) if the present payload is `expected` (`None`: absent).
    CompareAndSet {
        key: Bytes,
        expected: Option<Bytes>,
        payload: Option<Bytes>,
        ttl_ms: Option<u64>,
    },
}

impl DataOp {
    /// Whether it may write.
    #[must_use]
    pub const fn is_write(&self) -> bool {
        match self {
            Self::Get { .. } | Self::MultiGet { .. } | Self::Scan { .. } | Self::Count { .. } | Self::Ttl { .. } => {
                false
            }
            Self::Put { .. }
            | Self::Delete { .. }
            | Self::MultiPut { .. }
            | Self::Increment { .. }
            | Self::CompareAndSet { .. } => true,
        }
    }
}

/// The answer to an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "one variant per operation")]
pub enum DataReply {
    Value(Option<Bytes>),
    Values(Vec<Option<Bytes>>),
    /// Records in order of key; `more`: the limit was reached, go on after the last key.
    Records {
        records: Vec<(Bytes, Bytes)>,
        more: bool,
    },
    Count {
        count: u64,
        more: bool,
        last: Bytes,
    },
    /// `None`: no such record; `Some(None)`: it lives for ever; else milliseconds left.
    Ttl(Option<Option<u64>>),
    Done,
    Integer(i64),
    /// Whether it was written, and the payload that was there before.
    Compared {
        written: bool,
        previous: Option<Bytes>,
    },
}

/// Why an operation was not done, sorted by what a client may do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DataError {
    /// It got no decree: refresh the route and try again, at `primary` if known.
    Redirect {
        /// The primary's address, if this server knows it.
        primary: Option<String>,
        /// The ballot known here.
        ballot: Ballot,
    },
    /// It got no decree: try again here after a pause.
    RetryLater(WireError),
    /// It got a decree and its fate is not known: never repeated by itself (rule RETRY).
    OutcomeUnknown,
    /// It will not be done: bad input, wrong type, too large.
    Refused(WireError),
}
