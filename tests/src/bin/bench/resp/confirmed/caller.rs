//! One that writes batch after batch.

use anyhow::Result;
use hdrhistogram::Histogram;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;
use tokio::time::Instant;

use super::connection::Connection;
use crate::resp::tool::Job;

/// Longest latency that is told apart, in microseconds.
const LATENCY_MAX_US: u64 = 60_000_000;

/// Latencies of batches, in microseconds.
///
/// # Errors
/// None in fact: the bounds are right.
pub(super) fn histogram() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, LATENCY_MAX_US, 3)?)
}

/// A connection, and what is written to it.
pub(super) struct Caller {
    pub(super) connection: Connection,
    /// Chosen among.
    pub(super) keys: Vec<String>,
    pub(super) job: Job,
}

impl Caller {
    /// Writes until the end, and says how long each batch took that was answered after the beginning. Were only those counted
    /// that were sent after it too, whoever answers large batches slowly would seem slower still.
    ///
    /// # Errors
    /// A write fails.
    pub(super) async fn call(mut self, seed: u64, begun: Instant, ended: Instant) -> Result<Histogram<u64>> {
        let (mut random, value) = (SmallRng::seed_from_u64(seed), "x".repeat(self.job.bytes));
        let mut seen = histogram()?;
        loop {
            let keys = (0..self.job.pipeline).filter_map(|_| self.keys.choose(&mut random).map(String::as_str));
            let keys: Vec<&str> = keys.collect();
            let start = Instant::now();
            self.connection.write(&keys, &value).await?;
            let now = Instant::now();
            if now > ended {
                return Ok(seen);
            }
            if now >= begun {
                seen.saturating_record(u64::try_from((now - start).as_micros()).unwrap_or(u64::MAX));
            }
        }
    }
}
