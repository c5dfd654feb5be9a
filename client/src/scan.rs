//! Scans and counts over one hash key or a whole table, page by page and partition by partition.

use bytes::Bytes;
use common::rpc::data::{DataOp, DataReply};
use common::rpc::{ErrorCode, WireError};
use common::types::{SLOTS, decode_key, hash_key_prefix, prefix_end, slot_of};

use crate::error::ClientError;
use crate::table::{Table, unexpected};

/// Records counted by one call.
const COUNT_LIMIT: u32 = 20_000;

/// What a scan or count covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The records of one hash key.
    HashKey(Bytes),
    /// All records of the table.
    Table,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Decides where it lives.
    pub hash_key: Bytes,
    /// Its place among the records of its hash key.
    pub sort_key: Bytes,
    /// Its value.
    pub value: Bytes,
}

/// A scan under way.
#[derive(Debug)]
pub struct Scanner {
    table: Table,
    /// What is left; `None` when all is read.
    rest: Option<Rest>,
    page: u32,
}

/// Keys `start <= key < end` (empty: to the end of the table) are still to be visited, beginning with `slot`.
#[derive(Clone, Debug)]
struct Rest {
    slot: u16,
    start: Bytes,
    end: Bytes,
}

impl Rest {
    fn new(scope: &Scope) -> Result<Self, ClientError> {
        match scope {
            Scope::HashKey(hash_key) => {
                let start = hash_key_prefix(hash_key)?;
                Ok(Self { slot: slot_of(hash_key), end: prefix_end(&start), start })
            }
            Scope::Table => Ok(Self { slot: 0, start: Bytes::new(), end: Bytes::new() }),
        }
    }

    /// What is left after `last` was visited and more of its partition remains.
    fn after(self, last: &[u8]) -> Self {
        let mut start = last.to_vec();
        start.push(0);
        let slot = decode_key(last).map_or(self.slot, |key| key.slot);
        Self { slot, start: start.into(), ..self }
    }

    /// What is left once the partition that ends with slot `end` is visited.
    fn next_partition(self, end: u16) -> Option<Self> {
        let slot = end.checked_add(1).filter(|slot| self.end.is_empty() && *slot < SLOTS)?;
        Some(Self { slot, start: slot.to_be_bytes().to_vec().into(), end: self.end })
    }
}

impl Scanner {
    pub(crate) fn new(table: Table, scope: Scope) -> Self {
        let page = table.router().options().scan_page.max(1);
        // A hash key that cannot be stored has no records; the operations that store say so.
        Self { rest: Rest::new(&scope).ok(), table, page }
    }

    /// The next records, never an empty page; `None` at the end.
    ///
    /// # Errors
    /// [`ClientError`]; the scan can be tried again from where it stood.
    pub async fn next_page(&mut self) -> Result<Option<Vec<Record>>, ClientError> {
        while let Some(rest) = self.rest.clone() {
            let op = DataOp::Scan { start: rest.start.clone(), end: rest.end.clone(), limit: self.page };
            let (slots, reply) = match self.table.router().run(self.table.route(), rest.slot, op).await {
                Err(ClientError::Refused(error)) if error.code == ErrorCode::TooLarge && self.page > 1 => {
                    self.page = self.page.div_ceil(4);
                    continue;
                }
                other => other?,
            };
            let DataReply::Records { records, more } = reply else { return Err(unexpected(&reply)) };
            self.rest = match records.last() {
                Some((last, _)) if more => Some(rest.after(last)),
                _ => rest.next_partition(slots.end),
            };
            if !records.is_empty() {
                return records.into_iter().map(record).collect::<Result<_, _>>().map(Some);
            }
        }
        Ok(None)
    }
}

/// Counts page by page.
pub(crate) async fn count(table: &Table, scope: Scope) -> Result<u64, ClientError> {
    let (mut rest, mut total) = (Some(Rest::new(&scope)?), 0);
    while let Some(here) = rest {
        let op = DataOp::Count { start: here.start.clone(), end: here.end.clone(), limit: COUNT_LIMIT };
        let (slots, reply) = table.router().run(table.route(), here.slot, op).await?;
        let DataReply::Count { count, more, last } = reply else { return Err(unexpected(&reply)) };
        total += count;
        rest = if more { Some(here.after(&last)) } else { here.next_partition(slots.end) };
    }
    Ok(total)
}

fn record((key, value): (Bytes, Bytes)) -> Result<Record, ClientError> {
    let broken =
        |e| ClientError::Refused(WireError::new(ErrorCode::Corruption, format!("{e}"), "run: admin-cli verify"));
    let parts = decode_key(&key).map_err(broken)?;
    let (hash_key, sort_key) = (key.slice_ref(parts.hash_key), key.slice_ref(parts.sort_key));
    Ok(Record { hash_key, sort_key, value })
}
