//! What a scrape of `/metrics` measures of the node: everything is read where it lives, nothing is counted twice.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use common::metrics::ConstHistogram;
use common::rpc::node_admin::DiskStatus;
use common::types::{Gpid, ReplicaStatus};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;

use super::encode::{Sample, counters, gauges};
use crate::log::{Histogram, LogStats};
use crate::replica::Node;
use crate::storage::RecordCacheStats;

/// Collects from a node.
pub(crate) struct NodeCollector(pub(crate) Arc<Node>);

impl fmt::Debug for NodeCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeCollector").finish_non_exhaustive()
    }
}

impl Collector for NodeCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let node = &self.0;
        gauges(&mut encoder, "replicas", "Replicas of this node by status", statuses(node))?;
        gauges(&mut encoder, "disk_available_bytes", "Free bytes of a disk", disks(node, |disk| disk.available_bytes))?;
        gauges(
            &mut encoder,
            "disk_capacity_bytes",
            "Size of a disk's file system",
            disks(node, |disk| disk.capacity_bytes),
        )?;
        let status = |disk: &crate::disk::DiskFigures| match disk.status {
            DiskStatus::Normal => 0,
            DiskStatus::SpaceInsufficient => 1,
            DiskStatus::IoError => 2,
        };
        gauges(&mut encoder, "disk_status", "0 NORMAL, 1 SPACE_INSUFFICIENT, 2 IO_ERROR", disks(node, status))?;
        let draining = |disk: &crate::disk::DiskFigures| u64::from(disk.draining);
        gauges(&mut encoder, "disk_draining", "1 while replicas are to leave a disk", disks(node, draining))?;
        let stalled = |storage: &crate::storage::Storage| u64::from(storage.is_stalled().unwrap_or(false));
        let stalls =
            node.registry.all().iter().filter_map(|replica| replica.storage()).map(|storage| stalled(&storage)).sum();
        gauges(
            &mut encoder,
            "rocksdb_stalled",
            "Replicas whose RocksDB holds writers back now",
            vec![([("scope", "node")], stalls)],
        )?;
        let stats = &node.sources.stats;
        let learns = vec![
            ([("kind", "cache")], stats.cache.load(Ordering::Relaxed)),
            ([("kind", "log")], stats.log.load(Ordering::Relaxed)),
            ([("kind", "checkpoint")], stats.checkpoint.load(Ordering::Relaxed)),
        ];
        counters(&mut encoder, "learns_offered", "Learns that this node's primaries offered, by kind", learns)?;
        let losses = node.meters.lease_losses.load(Ordering::Relaxed);
        counters(
            &mut encoder,
            "lease_losses",
            "Times that a primary lost a lease",
            vec![([("scope", "node")], losses)],
        )?;
        let damaged = node.meters.damaged.load(Ordering::Relaxed);
        let damaged = vec![([("scope", "node")], damaged)];
        counters(&mut encoder, "replicas_damaged", "Times that a scrub found a replica damaged", damaged)?;
        let (cache, memtables) = node.engine.memory();
        let memory = vec![([("part", "block_cache")], cache as u64), ([("part", "memtables")], memtables as u64)];
        gauges(&mut encoder, "rocksdb_memory_bytes", "Memory of all RocksDB instances", memory)?;
        records(&mut encoder, &node.engine.record_cache())?;
        logs(&mut encoder, node)
    }
}

/// Of the cache of records: what it was asked, and what it holds.
fn records(encoder: &mut DescriptorEncoder, stats: &RecordCacheStats) -> fmt::Result {
    let lookups = vec![([("found", "yes")], stats.hits), ([("found", "no")], stats.misses)];
    counters(encoder, "record_cache_lookups", "Lookups of single records in the cache before RocksDB", lookups)?;
    gauges(encoder, "record_cache_bytes", "Memory of the cache of records", vec![([("scope", "node")], stats.bytes)])
}

/// Of each disk's log: what was written, what fsyncs cost, how much a group carries, and who holds how much.
fn logs(encoder: &mut DescriptorEncoder, node: &Node) -> fmt::Result {
    let stats: Vec<_> = node.logs.all().into_iter().map(|(disk, open)| (disk, open.log.stats())).collect();
    let each = |value: fn(&LogStats) -> u64| {
        stats.iter().map(|(disk, stats)| ([("disk", disk.clone())], value(stats))).collect()
    };
    counters(encoder, "log_appends", "Records appended", each(|stats| stats.appends))?;
    counters(encoder, "log_bytes", "Bytes written, with headers", each(|stats| stats.bytes))?;
    counters(encoder, "log_failed_appends", "Appends that failed", each(|stats| stats.failed))?;
    histograms(encoder, "log_fsync_seconds", "Fsyncs", 1e-6, &stats, |stats| &stats.syncs_us)?;
    histograms(encoder, "log_group_records", "Records that share a write", 1.0, &stats, |stats| &stats.group_frames)?;
    gauges(encoder, "log_capacity_bytes", "Preallocated bytes", each(|stats| stats.capacity_bytes))?;
    let held = node.logs.all().into_iter().flat_map(|(disk, open)| {
        let sample = move |(gpid, bytes): (Gpid, u64)| ([("disk", disk.clone()), ("gpid", gpid.to_string())], bytes);
        open.log.held().into_iter().map(sample)
    });
    gauges(encoder, "log_held_bytes", "Bytes of log that a replica holds", held.collect())
}

fn statuses(node: &Node) -> Vec<Sample<[(&'static str, String); 1]>> {
    let all = [
        ReplicaStatus::Primary,
        ReplicaStatus::Secondary,
        ReplicaStatus::Learner,
        ReplicaStatus::Inactive,
        ReplicaStatus::Error,
    ];
    let reports: Vec<_> = node.registry.all().iter().map(|replica| replica.report().status).collect();
    let count = |status: ReplicaStatus| reports.iter().filter(|of| **of == status).count() as u64;
    all.into_iter().map(|status| ([("status", status.to_string())], count(status))).collect()
}

fn disks(node: &Node, value: impl Fn(&crate::disk::DiskFigures) -> u64) -> Vec<Sample<[(&'static str, String); 1]>> {
    node.disks.figures().into_iter().map(|disk| ([("disk", disk.tag.clone())], value(&disk))).collect()
}

fn histograms(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    unit: f64,
    stats: &[(String, LogStats)],
    of: fn(&LogStats) -> &Histogram,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
    for (disk, stats) in stats {
        let counted = of(stats);
        let histogram = ConstHistogram::powers_of_two(unit, counted.sum, &counted.buckets);
        histogram.encode(family.encode_family(&[("disk", disk.clone())])?)?;
    }
    Ok(())
}
