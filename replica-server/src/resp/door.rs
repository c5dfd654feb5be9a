//! What all connections share.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use common::metrics::Metrics;
use common::types::Time;
use prometheus_client::metrics::counter::Counter;

use super::atlas::Atlas;
use super::clients::Clients;
use super::freshness::Freshness;
use super::parameters::Parameters;
use crate::replica::Node;

/// How Redis clients are served.
#[derive(Clone, Debug)]
pub(crate) struct RespOptions {
    /// Where clients are told to find this node, `host:port`.
    pub(crate) announced: String,
    /// The table that they see.
    pub(crate) table: String,
    /// What they must say first; empty: nothing.
    pub(crate) password: String,
    /// Connections at once.
    pub(crate) clients_max: usize,
    /// A connection that says nothing for so long is closed, in seconds; 0: never.
    pub(crate) idle_s: u64,
    /// What secondaries answer lacks nothing that was acknowledged longer ago; zero: they answer nothing.
    pub(crate) staleness_max: Duration,
    /// Longest value that is stored, in bytes.
    pub(crate) value_bytes_max: usize,
    /// Whether `DEBUG` is there.
    pub(crate) debug: bool,
}

/// The way in for Redis clients.
pub(crate) struct Door {
    pub(super) node: Arc<Node>,
    pub(super) atlas: Arc<Atlas>,
    pub(super) clients: Clients,
    pub(super) parameters: Parameters,
    pub(super) port: u16,
    pub(super) debug: bool,
    pub(super) began: Time,
    /// How fresh the node's secondaries are.
    pub(super) freshness: Arc<Freshness>,
    /// Requests that were answered.
    pub(super) commands: Counter,
    /// Reads that a secondary answered.
    pub(super) secondary_reads: Counter,
    /// Reads that a secondary was asked for, and was not fresh enough for.
    pub(super) secondary_refusals: Counter,
    /// Chance, one number for each request.
    pub(super) seed: AtomicU64,
}

impl Door {
    /// A door of this node.
    pub(crate) fn new(node: Arc<Node>, atlas: Arc<Atlas>, options: &RespOptions, metrics: &Metrics) -> Self {
        let port = options.announced.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(0);
        let began = node.clock.mono();
        let counter = |name, help| metrics.register(name, help, Counter::default());
        Self {
            parameters: Parameters::new(options),
            clients: Clients::new(metrics),
            port,
            debug: options.debug,
            began,
            freshness: Freshness::new(Arc::clone(&node), options.staleness_max),
            commands: counter("resp_commands", "Requests of Redis clients"),
            secondary_reads: counter("resp_secondary_reads", "READONLY reads that a secondary answered"),
            secondary_refusals: counter(
                "resp_secondary_refusals",
                "READONLY reads sent on to the primary since the secondary was not known to be fresh enough",
            ),
            seed: AtomicU64::new(node.clock.wall_ms()),
            node,
            atlas,
        }
    }
}
