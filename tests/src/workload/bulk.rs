//! Many generated rows: content that follows from the row's number, so that nothing need be remembered to check it.

use anyhow::{Result, bail};
use bytes::Bytes;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use rand::{RngCore as _, SeedableRng as _, rngs::SmallRng};

use super::store::Store;

const AT_ONCE: usize = 256;

/// So many rows of so many bytes.
#[derive(Clone, Copy, Debug)]
pub struct Bulk {
    /// Rows.
    pub rows: u64,
    /// Bytes of each value.
    pub value_bytes: usize,
}

impl Bulk {
    /// Writes them all.
    ///
    /// # Errors
    /// A write fails.
    pub async fn write(self, store: &Store) -> Result<()> {
        stream::iter((0..self.rows).map(Ok))
            .try_for_each_concurrent(AT_ONCE, |row| async move {
                store.put(hash_key(row), self.value(row)).await.map_err(anyhow::Error::from)
            })
            .await
    }

    /// Reads them all, and fails at the first that is not as it was written.
    ///
    /// # Errors
    /// A read fails, or a row is missing or different.
    pub async fn check(self, store: &Store) -> Result<()> {
        let reads = stream::iter(0..self.rows).map(|row| self.read(store, row));
        reads.buffer_unordered(AT_ONCE).try_collect().await
    }

    /// Reads one row.
    ///
    /// # Errors
    /// As [`Bulk::check`].
    pub async fn read(self, store: &Store, row: u64) -> Result<()> {
        match store.get(hash_key(row)).await? {
            None => bail!("row {row} is missing"),
            Some(value) if value != self.value(row) => bail!("row {row} has another content"),
            Some(_) => Ok(()),
        }
    }

    /// Random bytes: they do not compress, so the volume on disk is what was asked for.
    fn value(self, row: u64) -> Bytes {
        let mut value = vec![0; self.value_bytes];
        SmallRng::seed_from_u64(row).fill_bytes(&mut value);
        value.into()
    }
}

fn hash_key(row: u64) -> Bytes {
    format!("row-{row:010}").into()
}
