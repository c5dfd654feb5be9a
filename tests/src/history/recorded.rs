//! A table as one client sees it, with everything written down.

use std::sync::Arc;

use bytes::Bytes;
use client::{ClientError, Table};

use super::record::{Answer, Kind, Recorder, ValueId};
use super::value::{decode, encode};
use crate::workload::History as Keys;

/// A table whose operations are recorded.
#[derive(Clone, Debug)]
pub struct Recorded {
    table: Table,
    recorder: Arc<Recorder>,
    client: usize,
    value_bytes: usize,
}

impl Recorded {
    /// The table as the client of this number sees it, with values of this length.
    #[must_use]
    pub const fn new(table: Table, recorder: Arc<Recorder>, client: usize, value_bytes: usize) -> Self {
        Self { table, recorder, client, value_bytes }
    }

    /// Reads.
    ///
    /// # Errors
    /// As the client's; the record knows.
    pub async fn get(&self, key: usize) -> Result<Option<ValueId>, ClientError> {
        let operation = self.recorder.call(self.client, key, Kind::Get);
        let result = self.table.get(&Keys::hash_key(key), b"").await.map(|content| content.map(|c| decode(&c)));
        self.end(operation, result.as_ref().map(|found| Answer::Found(*found)));
        result
    }

    /// Writes a new value, and says which.
    ///
    /// # Errors
    /// As the client's; the record knows.
    pub async fn put(&self, key: usize) -> Result<ValueId, ClientError> {
        let value = self.recorder.value();
        let operation = self.recorder.call(self.client, key, Kind::Put(value));
        let result = self.table.put(&Keys::hash_key(key), b"", encode(value, self.value_bytes)).await;
        self.end(operation, result.as_ref().map(|()| Answer::Done));
        result.map(|()| value)
    }

    /// Removes.
    ///
    /// # Errors
    /// As the client's; the record knows.
    pub async fn delete(&self, key: usize) -> Result<(), ClientError> {
        let operation = self.recorder.call(self.client, key, Kind::Delete);
        let result = self.table.delete(&Keys::hash_key(key), b"").await;
        self.end(operation, result.as_ref().map(|()| Answer::Done));
        result
    }

    /// Writes a new value if this one is there; says what is there then.
    ///
    /// # Errors
    /// As the client's; the record knows.
    pub async fn swap(&self, key: usize, expected: Option<ValueId>) -> Result<Option<ValueId>, ClientError> {
        let value = self.recorder.value();
        let operation = self.recorder.call(self.client, key, Kind::CompareAndSet { expected, value: Some(value) });
        let before: Option<Bytes> = expected.map(|id| encode(id, self.value_bytes));
        let after = Some(encode(value, self.value_bytes));
        let result = self
            .table
            .compare_and_set(&Keys::hash_key(key), b"", before.as_deref(), after, None)
            .await
            .map(|c| (c.written, c.previous.map(|content| decode(&content))));
        self.end(
            operation,
            result.as_ref().map(|(written, previous)| Answer::Compared { written: *written, previous: *previous }),
        );
        result.map(|(written, previous)| if written { Some(value) } else { previous })
    }

    fn end(&self, operation: usize, result: Result<Answer, &ClientError>) {
        match result {
            Ok(answer) => self.recorder.answered(operation, answer),
            Err(ClientError::OutcomeUnknown(_)) => self.recorder.unknown(operation),
            Err(
                ClientError::Unavailable(_)
                | ClientError::Refused(_)
                | ClientError::Key(_)
                | ClientError::TooLarge { .. },
            ) => self.recorder.never(operation),
        }
    }
}
