//! Clients at work: a few hot keys for which they all contend, and many cold ones.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use client::{Client, ClientError, ClientOptions};
use common::rpc::Secret;
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::redis_caller::RedisCaller;
use crate::history::{Recorded, Recorder, ValueId};

/// Keys that all contend for.
pub(super) const HOT: Range<usize> = 0..12;
/// Keys that hardly two ever use at once.
pub(super) const COLD: Range<usize> = 12..1500;
const HOT_SHARE: f64 = 0.4;
/// Bytes of a value.
pub(super) const VALUE_BYTES: usize = 400;
/// Callers on each client host, Redis clients beside them, and those that read from secondaries.
const CALLERS: usize = 4;
const REDIS_CALLERS: usize = 2;
const REDIS_READERS: usize = 2;
/// After an operation: so that a minute's history of a hot key stays small enough to be searched.
pub(super) const PAUSE: Duration = Duration::from_millis(6);
/// Shorter than a lease, so that a caller asks again while a fault goes on.
pub(super) const DEADLINE: Duration = Duration::from_secs(4);
const READ_TIMEOUT: Duration = Duration::from_millis(1500);
const META_TIMEOUT: Duration = Duration::from_secs(1);

/// How a table is reached.
#[derive(Clone, Debug)]
pub(super) struct Access {
    pub(super) meta: String,
    pub(super) secret: Option<Secret>,
    pub(super) table: &'static str,
    /// Where Redis clients are served, and what they must say.
    pub(super) redis: Vec<String>,
    pub(super) password: &'static str,
    pub(super) recorder: Arc<Recorder>,
}

impl Access {
    /// The table, through connections of its own. The number stands in the record.
    pub(super) fn open(&self, number: usize) -> Recorded {
        let options = ClientOptions {
            secret: self.secret.clone(),
            deadline: DEADLINE,
            read_timeout: READ_TIMEOUT,
            meta_timeout: META_TIMEOUT,
            ..ClientOptions::new([self.meta.clone()])
        };
        Recorded::new(Client::new(options).table(self.table), self.recorder.clone(), number, VALUE_BYTES)
    }
}

/// Callers on all client hosts.
#[derive(Debug)]
pub(super) struct Clients {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Clients {
    /// Sets callers to work on each host. Those of one host share connections and routes, as in one process.
    pub(super) fn start(access: &Access, hosts: &[Handle], seed: u64) -> Self {
        let (stop, mut tasks) = (Arc::new(AtomicBool::new(false)), vec![]);
        for (host, handle) in hosts.iter().enumerate() {
            let table = access.open(host);
            for caller in 0..CALLERS {
                let random = SmallRng::seed_from_u64(seed ^ ((host * CALLERS + caller) as u64) << 48);
                let caller = Caller { table: table.clone(), random, known: BTreeMap::new() };
                tasks.push(handle.spawn(caller.work(stop.clone())));
            }
            for caller in host * REDIS_CALLERS..(host + 1) * REDIS_CALLERS {
                tasks.push(handle.spawn(RedisCaller::new(access, caller, seed).work(stop.clone())));
            }
            for reader in host * REDIS_READERS..(host + 1) * REDIS_READERS {
                tasks.push(handle.spawn(RedisCaller::reader(access, reader, seed).work(stop.clone())));
            }
        }
        Self { stop, tasks }
    }

    /// Lets them end what they began.
    ///
    /// # Errors
    /// One of them broke.
    pub(super) async fn stop(self) -> Result<()> {
        self.stop.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await?;
        }
        Ok(())
    }
}

/// A key that is hot or cold.
pub(super) fn any_key(random: &mut SmallRng) -> usize {
    let keys = if random.random_bool(HOT_SHARE) { HOT } else { COLD };
    random.random_range(keys)
}

struct Caller {
    table: Recorded,
    random: SmallRng,
    /// What was there when it last looked.
    known: BTreeMap<usize, Option<ValueId>>,
}

impl Caller {
    async fn work(mut self, stop: Arc<AtomicBool>) {
        while !stop.load(Ordering::SeqCst) {
            let key = any_key(&mut self.random);
            // What failed is in the record.
            if let Ok(value) = self.operation(key).await {
                self.known.insert(key, value);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// What is there afterwards.
    async fn operation(&mut self, key: usize) -> Result<Option<ValueId>, ClientError> {
        match self.random.random_range(0..100) {
            0..50 => self.table.get(key).await,
            50..80 => self.table.put(key).await.map(Some),
            80..97 => self.table.swap(key, self.known.get(&key).copied().flatten()).await,
            _ => self.table.delete(key).await.map(|()| None),
        }
    }
}
