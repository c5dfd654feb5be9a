//! `CLUSTER SLOTS`: for each range its first and last slot, then the primary, then the replicas. It is what most clients route by.

use super::{Node, Route, Topology};
use crate::Reply;

/// A range that nobody leads is left out: clients then ask any node, and hear `CLUSTERDOWN` from it.
pub(super) fn slots(topology: &Topology) -> Reply {
    Reply::Array(topology.joined().iter().filter_map(|route| range(topology, route)).collect())
}

fn range(topology: &Topology, route: &Route) -> Option<Reply> {
    let primary = topology.nodes.get(route.primary?)?;
    let replicas = route.replicas.iter().filter_map(|index| topology.nodes.get(*index));
    let bounds = [route.range.start, route.range.end].map(|slot| Reply::Integer(i64::from(slot)));
    let nodes = std::iter::once(primary).chain(replicas).map(node);
    Some(Reply::Array(bounds.into_iter().chain(nodes).collect()))
}

/// Address, port, id, and what else there is to know, which is nothing: the address is what clients are to use.
fn node(node: &Node) -> Reply {
    Reply::Array(vec![
        Reply::bulk(node.host.clone()),
        Reply::Integer(i64::from(node.port)),
        Reply::bulk(node.id.to_string()),
        Reply::Map(vec![]),
    ])
}
