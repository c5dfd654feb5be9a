//! What the meta server measures.

use common::alarm::{Alarm, AlarmKind};
use common::metrics::{Metrics, seconds_histogram};
use common::rpc::meta_admin::ClusterInfo;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

/// The meta server's metrics. Clones share them.
#[derive(Clone, Debug)]
pub struct MetaMetrics {
    nodes: Gauge,
    nodes_alive: Gauge,
    tables: Gauge,
    partitions: Gauge,
    partitions_healthy: Gauge,
    alarms: Family<[(&'static str, &'static str); 1], Gauge>,
    /// Changes that were made at a replica server's request.
    pub changes: Counter,
    /// Changes that were refused or came too late.
    pub changes_refused: Counter,
    /// Changes that the guardian made.
    pub cures: Counter,
    /// Time of a durable write to the store.
    pub store_seconds: Histogram,
    /// Writes to the store without a known outcome.
    pub store_failures: Counter,
}

impl MetaMetrics {
    /// Registers them.
    #[must_use]
    pub fn new(metrics: &Metrics) -> Self {
        let gauge = |name: &str, help: &str| metrics.register(name, help, Gauge::default());
        let counter = |name: &str, help: &str| metrics.register(name, help, Counter::default());
        Self {
            nodes: gauge("meta_nodes", "Replica servers that ever registered"),
            nodes_alive: gauge("meta_nodes_alive", "Replica servers that heartbeat"),
            tables: gauge("meta_tables", "Tables"),
            partitions: gauge("meta_partitions", "Partitions of all tables"),
            partitions_healthy: gauge("meta_partitions_healthy", "Partitions with a primary and all wanted members"),
            alarms: metrics.register("meta_alarms", "Alarms that stand, by kind", Family::default()),
            changes: counter("meta_changes", "Configuration changes made at a replica server's request"),
            changes_refused: counter("meta_changes_refused", "Configuration changes refused or superseded"),
            cures: counter("meta_cures", "Configuration changes made by the guardian"),
            store_seconds: metrics.register("meta_store_seconds", "Durable writes to the store", seconds_histogram()),
            store_failures: counter("meta_store_failures", "Writes to the store without a known outcome"),
        }
    }

    /// Shows the state.
    pub(crate) fn show(&self, info: &ClusterInfo, alarms: &[Alarm]) {
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        self.nodes.set(count(info.nodes.len()));
        self.nodes_alive.set(count(info.nodes.iter().filter(|n| n.alive).count()));
        self.tables.set(info.tables.into());
        self.partitions.set(info.partitions.into());
        self.partitions_healthy.set(info.healthy.into());
        for kind in AlarmKind::ALL {
            let standing = alarms.iter().filter(|alarm| alarm.kind == kind).count();
            self.alarms.get_or_create(&[("kind", kind.name())]).set(count(standing));
        }
    }
}
