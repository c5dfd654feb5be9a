//! A Redis client at work: on the keys of all other clients, with its own commands, and on counters.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

use super::clients::{Access, DEADLINE, PAUSE, VALUE_BYTES, any_key};
use crate::history::{RecordedRedis, Refused};
use crate::redis::Router;

/// Keys that are counters.
pub(super) const COUNTERS: Range<usize> = 2000..2004;
const COUNTER_SHARE: f64 = 0.15;
/// Numbers of Redis clients in the record begin here.
pub(super) const FIRST: usize = 100;

impl Access {
    /// The same table as a Redis client of this number sees it.
    pub(super) fn open_redis(&self, number: usize) -> RecordedRedis {
        RecordedRedis::new(self.router(), self.recorder.clone(), FIRST + number, VALUE_BYTES)
    }

    pub(super) fn router(&self) -> Router {
        Router::new(self.redis.clone(), Some(self.password.to_owned()), DEADLINE)
    }
}

pub(super) struct RedisCaller {
    client: RecordedRedis,
    only_reads: bool,
    random: SmallRng,
}

impl RedisCaller {
    pub(super) fn new(access: &Access, number: usize, seed: u64) -> Self {
        Self::with(access.open_redis(number), false, FIRST + number, seed)
    }

    /// Of a client that has this number in the record.
    pub(super) fn with(client: RecordedRedis, only_reads: bool, number: usize, seed: u64) -> Self {
        Self { client, only_reads, random: SmallRng::seed_from_u64(seed ^ (number as u64) << 48) }
    }

    pub(super) async fn work(mut self, stop: Arc<AtomicBool>) {
        while !stop.load(Ordering::SeqCst) {
            // What failed is in the record.
            let _ = self.operation().await;
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn operation(&mut self) -> Result<(), Refused> {
        if self.random.random_bool(COUNTER_SHARE) {
            let key = self.random.random_range(COUNTERS);
            return if !self.only_reads && self.random.random_bool(0.7) {
                self.client.increment(key).await
            } else {
                self.client.count(key).await
            };
        }
        let key = any_key(&mut self.random);
        match self.random.random_range(0..100) {
            _ if self.only_reads => self.client.get(key).await,
            0..50 => self.client.get(key).await,
            50..70 => self.client.set(key).await,
            70..90 => self.client.exchange(key).await,
            90..97 => self.client.set_if_absent(key).await,
            _ => self.client.delete(key).await,
        }
    }
}
