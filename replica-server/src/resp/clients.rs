//! Who is connected, for `CLIENT LIST` and the limit on connections.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use common::metrics::Metrics;
use common::types::Time;
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use resp::Version;
use resp::connection::{Client, line};

/// All connections.
#[derive(Debug)]
pub(super) struct Clients {
    list: Mutex<BTreeMap<u64, Arc<Identity>>>,
    last_id: AtomicU64,
    connections: Gauge,
    /// Connections turned away.
    pub(super) rejected: Counter,
}

/// What others see of a connection. Written by its own task, now and then.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) id: u64,
    pub(super) address: SocketAddr,
    pub(super) local_address: SocketAddr,
    began: Time,
    pub(super) names: Mutex<Names>,
    pub(super) readonly: AtomicBool,
    pub(super) resp3: AtomicBool,
    pub(super) heard: AtomicU64,
    pub(super) unread: AtomicUsize,
    pub(super) unsent: AtomicUsize,
    pub(super) received: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) commands: AtomicU64,
}

/// What a connection says of itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    pub(super) name: String,
    pub(super) library: String,
    pub(super) library_version: String,
    /// Its last command.
    pub(super) command: &'static str,
}

impl Clients {
    /// Nobody yet.
    pub(super) fn new(metrics: &Metrics) -> Self {
        let (open, refused) = ("Connections of Redis clients", "Redis clients' connections refused for their number");
        Self {
            list: Mutex::default(),
            last_id: AtomicU64::new(0),
            connections: metrics.register("resp_connections", open, Gauge::default()),
            rejected: metrics.register("resp_connections_rejected", refused, Counter::default()),
        }
    }

    /// How many there ever were.
    pub(super) fn taken_in(&self) -> u64 {
        self.last_id.load(Ordering::Relaxed)
    }

    /// A new connection; `None`: there are `max` of them.
    pub(super) fn enter(&self, address: SocketAddr, local: SocketAddr, now: Time, max: usize) -> Option<Arc<Identity>> {
        let mut list = self.list.lock();
        if list.len() >= max {
            self.rejected.inc();
            return None;
        }
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let identity = Arc::new(Identity::new(id, address, local, now));
        list.insert(id, Arc::clone(&identity));
        self.connections.inc();
        Some(identity)
    }

    /// It is over.
    pub(super) fn leave(&self, id: u64) {
        if self.list.lock().remove(&id).is_some() {
            self.connections.dec();
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.list.lock().len()
    }

    /// The lines of those that are asked for.
    pub(super) fn lines(&self, now: Time, asked: impl Fn(u64) -> bool) -> String {
        let list: Vec<_> = self.list.lock().values().filter(|one| asked(one.id)).map(Arc::clone).collect();
        list.iter().map(|one| one.line(now)).collect()
    }
}

impl Identity {
    fn new(id: u64, address: SocketAddr, local_address: SocketAddr, began: Time) -> Self {
        Self {
            id,
            address,
            local_address,
            began,
            names: Mutex::default(),
            readonly: AtomicBool::default(),
            resp3: AtomicBool::default(),
            heard: AtomicU64::new(began.0),
            unread: AtomicUsize::default(),
            unsent: AtomicUsize::default(),
            received: AtomicU64::default(),
            sent: AtomicU64::default(),
            commands: AtomicU64::default(),
        }
    }

    /// Its line in `CLIENT LIST`.
    pub(super) fn line(&self, now: Time) -> String {
        let names = self.names.lock().clone();
        let (unread, unsent) = (self.unread.load(Ordering::Relaxed), self.unsent.load(Ordering::Relaxed));
        line(&Client {
            id: self.id,
            address: self.address,
            local_address: self.local_address,
            name: &names.name,
            age_s: now.since(self.began).as_secs(),
            idle_s: now.since(Time(self.heard.load(Ordering::Relaxed))).as_secs(),
            readonly: self.readonly.load(Ordering::Relaxed),
            unread_bytes: unread,
            unsent_bytes: unsent,
            memory_bytes: size_of::<Self>() + unread + unsent,
            command: names.command,
            version: if self.resp3.load(Ordering::Relaxed) { Version::Resp3 } else { Version::Resp2 },
            library_name: &names.library,
            library_version: &names.library_version,
            received_bytes: self.received.load(Ordering::Relaxed),
            sent_bytes: self.sent.load(Ordering::Relaxed),
            commands: self.commands.load(Ordering::Relaxed),
        })
    }
}
