//! `CLUSTER NODES`: a line for each node. `redis-benchmark --cluster` and `redis-cli --cluster` route by it.

use std::fmt::Write;

use super::{Health, Topology};

/// `id host:port@peer-port flags primary ping pong epoch link slots…`. Every node leads a shard, so all are masters of none. When
/// nodes last heard of each other is not told: their health is.
pub(super) fn nodes(topology: &Topology) -> String {
    (0..topology.nodes.len()).map(|index| line(topology, index)).collect()
}

fn line(topology: &Topology, index: usize) -> String {
    let Some(node) = topology.nodes.get(index) else { return String::new() };
    let myself = if index == topology.myself { "myself," } else { "" };
    let (failed, link) = match node.health {
        Health::Online | Health::Loading => ("", "connected"),
        Health::Failed => (",fail", "disconnected"),
    };
    let address = format!("{}:{}@{}", node.host, node.port, node.peer_port);
    let mut line = format!("{} {address} {myself}master{failed} - 0 0 {} {link}", node.id, topology.epoch);
    for range in topology.led_by(index) {
        // Writing into a text cannot fail.
        let _ = if range.start == range.end { write!(line, " {}", range.start) } else { write!(line, " {range}") };
    }
    line + "\n"
}
