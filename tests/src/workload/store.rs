//! The table under test, through the client that users have.

use bytes::Bytes;
use client::{Client, ClientError, ClientOptions, Table};
use common::rpc::Secret;

/// Why an operation failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// A write that may or may not have happened.
    #[error("outcome unknown: {0}")]
    OutcomeUnknown(String),
    /// It did not happen.
    #[error("{0}")]
    Failed(String),
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::OutcomeUnknown(cause) => Self::OutcomeUnknown(cause.to_string()),
            error @ (ClientError::Unavailable(_)
            | ClientError::Refused(_)
            | ClientError::Key(_)
            | ClientError::TooLarge { .. }) => Self::Failed(error.to_string()),
        }
    }
}

/// A table.
#[derive(Clone, Debug)]
pub struct Store {
    table: Table,
}

impl Store {
    /// A table of the cluster whose meta server is there.
    #[must_use]
    pub fn new(meta: &str, secret: Option<Secret>, table: &str) -> Self {
        let options = ClientOptions { secret, ..ClientOptions::new([meta]) };
        Self { table: Client::new(options).table(table) }
    }

    /// The client's own view of the table.
    #[must_use]
    pub const fn table(&self) -> &Table {
        &self.table
    }

    /// Sets a record.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn put(&self, hash_key: Bytes, value: Bytes) -> Result<(), Failure> {
        Ok(self.table.put(&hash_key, b"", value).await?)
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`Failure::Failed`].
    pub async fn get(&self, hash_key: Bytes) -> Result<Option<Bytes>, Failure> {
        Ok(self.table.get(&hash_key, b"").await?)
    }
}
