//! `/admin/nodes`: the nodes with their disks.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Json;
use common::rpc::meta_admin::NodeInfo;
use common::rpc::meta_node::DiskReport;
use common::types::PeerId;
use serde::Serialize;

use super::HttpDoor;
use super::error::Answer;
use super::params::Params;

#[derive(Serialize)]
pub(super) struct Nodes {
    nodes: Vec<Node>,
}

#[derive(Serialize)]
struct Node {
    peer_id: PeerId,
    address: String,
    resp: Option<String>,
    status: &'static str,
    loaded: bool,
    silent_ms: Option<u64>,
    replicas: u32,
    primaries: u32,
    secondaries: u32,
    learners: u32,
    disks: Vec<DiskReport>,
    draining: bool,
    drain_blocked: Option<String>,
}

pub(super) async fn nodes(State(door): State<HttpDoor>, uri: Uri) -> Answer<Json<Nodes>> {
    Params::of(&uri, &[])?;
    let info = door.owner()?.ask(|owner| Ok(owner.info())).await?;
    Ok(Json(Nodes { nodes: info.nodes.into_iter().map(view).collect() }))
}

fn view(node: NodeInfo) -> Node {
    Node {
        peer_id: node.peer_id,
        address: node.address,
        resp: node.resp,
        status: if node.alive { "ALIVE" } else { "DEAD" },
        loaded: node.loaded,
        silent_ms: node.silent_ms,
        replicas: node.replicas,
        primaries: node.primaries,
        secondaries: node.secondaries,
        learners: node.learners,
        disks: node.disks,
        draining: node.draining,
        drain_blocked: node.drain_blocked,
    }
}
