//! Reads of a replica's storage: from memory on the runtime thread, from disk on the blocking pool.

use bytes::Bytes;
use common::rpc::data::{DataOp, DataReply};
use common::rpc::{WireError, WireResult};
use common::types::Value;

use crate::replica::plain;
use crate::storage::{Cached, ScanLimit, Storage, StorageError};

/// Most records, and about the most bytes, of one scan's answer.
const SCAN_MAX: u32 = 10_000;
const SCAN_BYTES_MAX: usize = 2 << 20;

/// Answers a read as of what is applied, with lives counted at `now_ms`.
///
/// # Errors
/// What the storage failed with.
pub(super) async fn read(storage: &Storage, op: DataOp, now_ms: u64) -> WireResult<DataReply> {
    match &op {
        DataOp::Get { key } => {
            if let Cached::Found(found) = storage.get_cached(key).map_err(|error| error.to_wire())? {
                return plain(found, now_ms).map(|value| DataReply::Value(value.map(|value| value.payload)));
            }
        }
        DataOp::Ttl { key } => {
            if let Cached::Found(found) = storage.get_cached(key).map_err(|error| error.to_wire())? {
                return plain(found, now_ms).map(|value| ttl(value, now_ms));
            }
        }
        DataOp::MultiGet { .. }
        | DataOp::Scan { .. }
        | DataOp::Count { .. }
        | DataOp::Put { .. }
        | DataOp::Delete { .. }
        | DataOp::MultiPut { .. }
        | DataOp::Increment { .. }
        | DataOp::CompareAndSet { .. } => {}
    }
    let storage = storage.clone();
    tokio::task::spawn_blocking(move || from_disk(&storage, &op, now_ms)).await.map_err(WireError::internal)?
}

fn from_disk(storage: &Storage, op: &DataOp, now_ms: u64) -> WireResult<DataReply> {
    let wire = |error: StorageError| error.to_wire();
    match op {
        DataOp::Get { key } => {
            let value = plain(storage.get(key).map_err(wire)?, now_ms)?;
            Ok(DataReply::Value(value.map(|value| value.payload)))
        }
        DataOp::Ttl { key } => Ok(ttl(plain(storage.get(key).map_err(wire)?, now_ms)?, now_ms)),
        DataOp::MultiGet { keys } => {
            let found = storage.multi_get(keys).map_err(wire)?;
            let values = found.into_iter().map(|found| Ok(plain(found, now_ms)?.map(|value| value.payload)));
            Ok(DataReply::Values(values.collect::<WireResult<_>>()?))
        }
        DataOp::Scan { start, end, limit } => {
            let limit = ScanLimit { records: (*limit).min(SCAN_MAX) as usize, bytes: SCAN_BYTES_MAX };
            let page = storage.scan(start, end, limit, now_ms).map_err(wire)?;
            let payload =
                |(key, value): (Bytes, Bytes)| Ok((key, Value::decode(&value).map_err(WireError::internal)?.payload));
            let records = page.records.into_iter().map(payload).collect::<WireResult<_>>()?;
            Ok(DataReply::Records { records, more: page.more })
        }
        DataOp::Count { start, end, limit } => {
            let page = storage.count(start, end, u64::from(*limit), now_ms).map_err(wire)?;
            Ok(DataReply::Count { count: page.count, more: page.more, last: page.last })
        }
        DataOp::Put { .. }
        | DataOp::Delete { .. }
        | DataOp::MultiPut { .. }
        | DataOp::Increment { .. }
        | DataOp::CompareAndSet { .. } => Err(WireError::internal("a write was read")),
    }
}

fn ttl(value: Option<Value>, now_ms: u64) -> DataReply {
    DataReply::Ttl(value.map(|value| value.expires_at_ms.map(|at| at.saturating_sub(now_ms))))
}
