//! What a client can be told, with its defaults.

use std::time::Duration;

use common::rpc::{LinkOptions, Secret};

/// Options of a client.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Meta servers, `host:port`.
    pub meta: Vec<String>,
    /// The cluster secret.
    pub secret: Option<Secret>,
    /// An operation, with all its repetitions, ends by then. Default 10 s.
    pub deadline: Duration,
    /// A read that is not answered by then is tried again. Default 3 s. (A write waits for the whole deadline: given up
    /// earlier, its outcome would be unknown without need.)
    pub read_timeout: Duration,
    /// Asking one meta server takes at most this long. Default 2 s.
    pub meta_timeout: Duration,
    /// Largest value in bytes. Default 1 MiB.
    pub value_bytes_max: usize,
    /// Pause before each of the first repetitions; doubled with each further one. Default 10 ms.
    pub backoff_min: Duration,
    /// Longest pause. Default 500 ms.
    pub backoff_max: Duration,
    /// Operations that share a call to a node. Default 256.
    pub operations_per_call: usize,
    /// Calls in flight to a node, for reads and for writes each, not counting slow ones. Default 4.
    pub calls_in_flight: usize,
    /// Operations that may wait for a node, for reads and for writes each; more are refused at once. Default 16384.
    pub queue_max: usize,
    /// Records per page of a scan. Default 500.
    pub scan_page: u32,
}

impl ClientOptions {
    /// Defaults, for a cluster found at these meta servers.
    pub fn new<A: Into<String>>(meta: impl IntoIterator<Item = A>) -> Self {
        Self {
            meta: meta.into_iter().map(Into::into).collect(),
            secret: None,
            deadline: Duration::from_secs(10),
            read_timeout: Duration::from_secs(3),
            meta_timeout: Duration::from_secs(2),
            value_bytes_max: 1 << 20,
            backoff_min: Duration::from_millis(10),
            backoff_max: Duration::from_millis(500),
            operations_per_call: 256,
            calls_in_flight: 4,
            queue_max: 16_384,
            scan_page: 500,
        }
    }

    pub(crate) fn link(&self) -> LinkOptions {
        LinkOptions { secret: self.secret.clone(), ..LinkOptions::default() }
    }
}
