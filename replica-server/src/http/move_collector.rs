//! What a scrape of `/metrics` measures of moves between disks, and of what they leave behind.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use common::rpc::garbage::{GarbageDir, GarbageKind};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::encode::{Sample, counters, counters_of_seconds, gauges, gauges_of_seconds};
use crate::migrate::Migrator;
use crate::replica::Node;
use crate::replica::host::Host;

/// Collects from a node's moves.
pub(crate) struct MoveCollector {
    node: Arc<Node>,
    migrator: Arc<Migrator<Host>>,
}

impl fmt::Debug for MoveCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MoveCollector").finish_non_exhaustive()
    }
}

impl MoveCollector {
    pub(crate) fn new(node: &Arc<Node>, migrator: &Arc<Migrator<Host>>) -> Self {
        Self { node: Arc::clone(node), migrator: Arc::clone(migrator) }
    }
}

impl Collector for MoveCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        jobs(&mut encoder, &self.migrator)?;
        rates(&mut encoder, &self.migrator)?;
        let p99 = self.node.meters.foreground.p99().map(|p99| p99.as_secs_f64());
        let p99 = p99.map(|p99| ([("scope", "node")], p99)).into_iter().collect();
        let help = "P99 of client reads and writes in the last second; absent if there were none";
        gauges_of_seconds(&mut encoder, "foreground_p99_seconds", help, p99)?;
        let garbage = self.node.garbage.lock();
        let disks: Vec<String> = self.node.disks.figures().into_iter().map(|disk| disk.tag).collect();
        let help = "Directories that have lost their name: tmp, ori, err or gar";
        gauges(&mut encoder, "garbage_directories", help, by_kind(&disks, &garbage, |_| 1))?;
        gauges(&mut encoder, "garbage_bytes", "Bytes in them", by_kind(&disks, &garbage, |dir| dir.size_bytes))
    }
}

fn jobs(encoder: &mut DescriptorEncoder, migrator: &Migrator<Host>) -> fmt::Result {
    // What alerts compare with an hour ago is there from the beginning.
    let ends = [("IDLE", "failed"), ("IDLE", "cancelled"), ("COMPLETED", "completed")];
    let none = ends.map(|(state, outcome)| ((state.to_owned(), outcome.to_owned()), 0));
    let mut counts: BTreeMap<(String, String), u64> = BTreeMap::from(none);
    for job in migrator.jobs() {
        *counts.entry((job.state.to_string(), job.outcome.to_string())).or_default() += 1;
    }
    let sample = |((state, outcome), count)| ([("state", state), ("outcome", outcome)], count);
    let help = "Moves between disks that are remembered, by state and outcome";
    gauges(encoder, "migrate_jobs", help, counts.into_iter().map(sample).collect())?;
    let (active, queued, standing) = migrator.load();
    gauges(encoder, "migrate_running", "Moves that run", node(active as u64))?;
    gauges(encoder, "migrate_queued", "Moves that wait for their disks", node(queued as u64))?;
    let help = "For how long a move that runs has neither copied a byte nor changed its state";
    gauges_of_seconds(encoder, "migrate_standing_seconds", help, node(standing.as_secs_f64()))
}

fn rates(encoder: &mut DescriptorEncoder, migrator: &Migrator<Host>) -> fmt::Result {
    let (rates, meters) = (migrator.rates(), migrator.meters());
    counters(encoder, "migrate_copied_bytes", "Bytes copied between disks", node(meters.copied_bytes()))?;
    let help = "Bytes per second copied between disks in the last second";
    gauges(encoder, "migrate_rate_bytes_per_second", help, node(rates.rate_bytes_per_s))?;
    let limits = vec![
        ([("by", "node_limit")], rates.max_rate_bytes_per_s),
        ([("by", "foreground_p99")], rates.foreground.limit_bytes_per_s.unwrap_or(0)),
    ];
    let help = "What all copies of the node are held to, in bytes per second; 0: no limit";
    gauges(encoder, "migrate_limit_bytes_per_second", help, limits)?;
    let waited = meters.throttled().map(|(by, waited)| ([("by", by.to_string())], waited.as_secs_f64())).collect();
    let help = "Time that copies waited for their limits";
    counters_of_seconds(encoder, "migrate_throttled_seconds", help, waited)
}

fn node<V>(value: V) -> Vec<Sample<[(&'static str, &'static str); 1], V>> {
    vec![([("scope", "node")], value)]
}

/// A sample for every disk and kind, 0 where there is none: so that an alert has something to compare.
fn by_kind(
    disks: &[String],
    garbage: &[GarbageDir],
    value: impl Fn(&GarbageDir) -> u64,
) -> Vec<Sample<[(&'static str, String); 2]>> {
    let sum = |disk: &String, kind: GarbageKind| {
        garbage.iter().filter(|dir| dir.disk == *disk && dir.kind == kind).map(&value).sum()
    };
    let pairs = disks.iter().flat_map(|disk| GarbageKind::ALL.map(|kind| (disk, kind)));
    pairs.map(|(disk, kind)| ([("disk", disk.clone()), ("kind", kind.to_string())], sum(disk, kind))).collect()
}
