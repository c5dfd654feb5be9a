//! A Redis client that only reads, on READONLY connections and from whichever node: what it is told may lack what was
//! acknowledged lately, and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

use super::clients::{Access, PAUSE, VALUE_BYTES, any_key};
use super::redis_caller::{COUNTER_SHARE, COUNTERS};
use crate::history::{RecordedRedis, Refused};

/// `resp.max_staleness` of the nodes. Nothing is added to it when answers are judged: a node looks at its clock, which goes on
/// while it stands still, after it has read, and whoever asked had begun before.
pub(super) const STALE_MAX: Duration = Duration::from_millis(600);
/// Numbers of these clients in the record begin here.
const FIRST: usize = 300;

impl Access {
    /// The same table as a client sees it that reads from secondaries.
    fn open_reader(&self, number: usize) -> RecordedRedis {
        let router = self.router().readonly();
        RecordedRedis::new(router, self.recorder.clone(), FIRST + number, VALUE_BYTES).of_secondaries(STALE_MAX)
    }
}

pub(super) struct RedisReader {
    client: RecordedRedis,
    random: SmallRng,
}

impl RedisReader {
    pub(super) fn new(access: &Access, number: usize, seed: u64) -> Self {
        let random = SmallRng::seed_from_u64(seed ^ ((FIRST + number) as u64) << 48);
        Self { client: access.open_reader(number), random }
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
            let counter = self.random.random_range(COUNTERS);
            self.client.count(counter).await
        } else {
            let key = any_key(&mut self.random);
            self.client.get(key).await
        }
    }
}
