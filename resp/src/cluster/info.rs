//! `CLUSTER INFO`: lines of `key:value`.

use super::{Health, Topology};

/// `cluster_state` comes first and is `ok` only while every slot has a primary that can be reached.
pub(super) fn info(topology: &Topology) -> String {
    let (mut assigned, mut served) = (0, 0);
    for route in &topology.routes {
        assigned += route.slots();
        let primary = route.primary.and_then(|index| topology.nodes.get(index));
        served += if primary.is_some_and(|node| node.health != Health::Failed) { route.slots() } else { 0 };
    }
    let state = if served == u64::from(common::types::SLOTS) { "ok" } else { "fail" };
    let leading = (0..topology.nodes.len()).filter(|node| !topology.led_by(*node).is_empty()).count();
    let lines = [
        ("cluster_state", state.to_owned()),
        ("cluster_slots_assigned", assigned.to_string()),
        ("cluster_slots_ok", served.to_string()),
        ("cluster_slots_pfail", "0".to_owned()),
        ("cluster_slots_fail", (assigned - served).to_string()),
        ("cluster_known_nodes", topology.nodes.len().to_string()),
        ("cluster_size", leading.to_string()),
        ("cluster_current_epoch", topology.epoch.to_string()),
        ("cluster_my_epoch", topology.epoch.to_string()),
    ];
    lines.iter().map(|(key, value)| format!("{key}:{value}\r\n")).collect()
}
