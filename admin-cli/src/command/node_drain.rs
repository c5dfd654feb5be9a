//! `node-drain` and `node-undrain`: a node is emptied for planned work, and takes part again.

use std::time::Duration;

use clap::Args;
use common::rpc::meta_admin::NodeInfo;
use common::rpc::{ErrorCode, WireError, WireResult};
use common::types::PeerId;
use tokio::time::Instant;

use crate::args::NodeName;
use crate::context::Context;
use crate::output::Output;
use crate::view;

const POLL_EVERY: Duration = Duration::from_millis(500);
/// `--wait` gives up when for so long no replica has left and some cannot.
const STUCK_AFTER: Duration = Duration::from_secs(60);

/// `node-drain`.
#[derive(Args, Clone, Debug)]
pub struct NodeDrain {
    /// The node, as host:port or peer id
    #[arg(short, long)]
    node: NodeName,
    /// Wait until the node is empty
    #[arg(long)]
    wait: bool,
}

/// `node-undrain`.
#[derive(Args, Clone, Debug)]
pub struct NodeUndrain {
    /// The node, as host:port or peer id
    #[arg(short, long)]
    node: NodeName,
}

impl NodeDrain {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        let node = drain(context, &self.node, true).await?;
        let node = if self.wait { empty(context, node).await? } else { node };
        let text = match held(&node) {
            0 => format!("{} is empty and stays so; node-undrain ends that", node.address),
            left => format!("{left} replicas leave {}: watch them with 'jobs --kind region'", node.address),
        };
        Ok(view::one_node(&node, text))
    }
}

impl NodeUndrain {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        let node = drain(context, &self.node, false).await?;
        let text = format!("{} takes replicas again; what is under way ends as it was begun", node.address);
        Ok(view::one_node(&node, text))
    }
}

async fn drain(context: &Context, node: &NodeName, draining: bool) -> WireResult<NodeInfo> {
    let peer = context.find_node(node).await?.peer_id;
    context.meta(async |meta, deadline| meta.drain_node(deadline, peer, draining).await).await
}

/// Waits until nothing is left on the node. The drain goes on whether anybody waits or not.
async fn empty(context: &Context, mut node: NodeInfo) -> WireResult<NodeInfo> {
    let all = u64::from(held(&node));
    let progress = context.progress(all, "replicas moved");
    let mut moved_at = Instant::now();
    while held(&node) > 0 {
        tokio::time::sleep(POLL_EVERY).await;
        let now = match look(context, node.peer_id).await {
            Ok(now) => now,
            // The meta server restarts; the drain goes on with it.
            Err(error) if is_away(&error) && moved_at.elapsed() < STUCK_AFTER => continue,
            Err(error) => return Err(error),
        };
        if held(&now) != held(&node) {
            moved_at = Instant::now();
        }
        node = now;
        progress.at(all.saturating_sub(u64::from(held(&node))));
        if let Some(why) = node.drain_blocked.as_ref().filter(|_| moved_at.elapsed() > STUCK_AFTER) {
            let hint = "it goes on once there is room: add a node, or end it with node-undrain";
            return Err(WireError::new(ErrorCode::RedundancyTooLow, why.clone(), hint));
        }
    }
    progress.clear();
    Ok(node)
}

/// Copies that it has, those that only catch up among them.
const fn held(node: &NodeInfo) -> u32 {
    node.replicas + node.learners
}

const fn is_away(error: &WireError) -> bool {
    matches!(error.code, ErrorCode::Unreachable | ErrorCode::Timeout | ErrorCode::NotReady)
}

async fn look(context: &Context, peer: PeerId) -> WireResult<NodeInfo> {
    let nodes = context.cluster().await?.nodes;
    let gone = || WireError::new(ErrorCode::UnknownNode, format!("there is no node {peer}"), "see admin-cli nodes");
    nodes.into_iter().find(|node| node.peer_id == peer).ok_or_else(gone)
}
