//! `CLUSTER SHARDS`: the slots of each shard, and its nodes.

use super::{Health, Node, Topology};
use crate::Reply;

/// One shard for each node, with what it leads. Its replicas are the nodes with a copy of all of that: of one that has only a
/// part clients would think that it has the rest too.
pub(super) fn shards(topology: &Topology) -> Reply {
    Reply::Array((0..topology.nodes.len()).map(|leader| shard(topology, leader)).collect())
}

fn shard(topology: &Topology, leader: usize) -> Reply {
    let bounds = topology.led_by(leader).into_iter().flat_map(|range| [range.start, range.end]);
    let slots = bounds.map(|slot| Reply::Integer(i64::from(slot))).collect();
    let members = topology.nodes.iter().enumerate().filter_map(|(index, member)| {
        let role = if index == leader { "master" } else { "replica" };
        (index == leader || follows(topology, index, leader)).then(|| node(member, role))
    });
    Reply::map([("slots", Reply::Array(slots)), ("nodes", Reply::Array(members.collect()))])
}

/// Whether a node has a copy of everything that another one leads.
fn follows(topology: &Topology, node: usize, leader: usize) -> bool {
    let mut led = topology.routes.iter().filter(|route| route.primary == Some(leader)).peekable();
    led.peek().is_some() && led.all(|route| route.replicas.contains(&node))
}

fn node(node: &Node, role: &'static str) -> Reply {
    let health = match node.health {
        Health::Online => "online",
        Health::Loading => "loading",
        Health::Failed => "fail",
    };
    Reply::map([
        ("id", Reply::bulk(node.id.to_string())),
        ("port", Reply::Integer(i64::from(node.port))),
        ("ip", Reply::bulk(node.host.clone())),
        ("endpoint", Reply::bulk(node.host.clone())),
        ("role", Reply::bulk(role)),
        ("replication-offset", Reply::count(node.offset)),
        ("health", Reply::bulk(health)),
    ])
}
