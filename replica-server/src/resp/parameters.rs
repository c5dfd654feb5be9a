//! What `CONFIG GET` tells and `CONFIG SET` changes, for as long as the process runs. The password is not among it: it is
//! the same on all nodes, and in their files.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use resp::server::config::{Assignment, Kind, Parameter};

use super::door::RespOptions;

/// The parameters that can be set, and those that clients ask for.
#[derive(Debug)]
pub(super) struct Parameters {
    clients_max: AtomicU64,
    idle_s: AtomicU64,
    value_bytes_max: usize,
    port: String,
    password: String,
}

/// What a real server calls them.
const CLIENTS_MAX: &str = "maxclients";
const IDLE: &str = "timeout";

impl Parameters {
    pub(super) fn new(options: &RespOptions) -> Self {
        Self {
            clients_max: AtomicU64::new(options.clients_max as u64),
            idle_s: AtomicU64::new(options.idle_s),
            value_bytes_max: options.value_bytes_max,
            port: options.announced.rsplit_once(':').map(|(_, port)| port.to_owned()).unwrap_or_default(),
            password: options.password.clone(),
        }
    }

    /// Connections at once.
    pub(super) fn clients_max(&self) -> usize {
        usize::try_from(self.clients_max.load(Ordering::Relaxed)).unwrap_or(usize::MAX)
    }

    /// How long a connection may say nothing.
    pub(super) fn idle_max(&self) -> Option<Duration> {
        let idle = self.idle_s.load(Ordering::Relaxed);
        (idle > 0).then_some(Duration::from_secs(idle))
    }

    /// Longest value that is stored, in bytes.
    pub(super) const fn value_bytes_max(&self) -> usize {
        self.value_bytes_max
    }

    /// Whether clients must say a password first.
    pub(super) fn asks_password(&self) -> bool {
        !self.password.is_empty()
    }

    /// Whether it is the password; takes as long whatever is wrong with it.
    pub(super) fn is_password(&self, said: &[u8]) -> bool {
        use subtle::ConstantTimeEq as _;
        self.password.as_bytes().ct_eq(said).into()
    }

    /// All parameters as they are.
    pub(super) fn all(&self) -> Vec<Parameter> {
        let fixed = |name, value: &str| Parameter { name, value: value.to_owned(), kind: Kind::Fixed };
        let number = |name, value: &AtomicU64, max| Parameter {
            name,
            value: value.load(Ordering::Relaxed).to_string(),
            kind: Kind::Integer(0, max),
        };
        vec![
            // Every write is in the mutation log before it is acknowledged, which is what `appendonly` asks about.
            fixed("appendonly", "yes"),
            fixed("cluster-enabled", "yes"),
            fixed("databases", "1"),
            fixed("maxmemory", "0"),
            fixed("maxmemory-policy", "noeviction"),
            fixed("port", &self.port),
            fixed("proto-max-bulk-len", &self.value_bytes_max.to_string()),
            fixed("save", ""),
            number(CLIENTS_MAX, &self.clients_max, i64::from(u32::MAX)),
            number(IDLE, &self.idle_s, i64::from(i32::MAX)),
        ]
    }

    /// Makes a change that was checked.
    pub(super) fn set(&self, change: Assignment) {
        let number = || change.value.parse().unwrap_or(0);
        match change.name {
            CLIENTS_MAX => self.clients_max.store(number(), Ordering::Relaxed),
            IDLE => self.idle_s.store(number(), Ordering::Relaxed),
            _ => {}
        }
    }
}
