//! Plans of moves between disks: the nodes are asked how they stand, and the pure planner decides.

use std::sync::Arc;
use std::time::Duration;

use common::rpc::disk_plan::{DiskPlans, PlanRequest};
use common::rpc::node_admin::NodeUsage;
use common::rpc::{WireError, WireResult};
use common::types::PeerId;
use futures::future::join_all;
use meta_state::{Asked, plan_nodes};

use crate::owner::{Handle, Owner};
use crate::push::NodeLinks;

/// A node tells of its disks within this.
const ASK_MAX: Duration = Duration::from_secs(5);

/// Plans for the nodes that the request means.
pub(crate) async fn plan(owner: &Handle, links: &Arc<NodeLinks>, request: PlanRequest) -> WireResult<DiskPlans> {
    let node = request.node;
    let asked = owner.ask(move |owner| owner.cluster().nodes_to_plan(node, owner.now())).await?;
    let answers = join_all(asked.into_iter().map(|asked| usage_of(links, asked))).await;
    let (mut told, mut unasked) = (Vec::new(), Vec::new());
    for (peer, answer) in answers {
        match answer {
            Ok(usage) => told.push((peer, usage)),
            Err(error) if node.is_some() => return Err(error),
            Err(error) => unasked.push((peer, error)),
        }
    }
    let join = move |owner: &mut Owner| {
        let (cluster, now) = (owner.cluster(), owner.now());
        Ok(told.into_iter().map(|(peer, usage)| cluster.node_facts(peer, usage, now)).collect::<Vec<_>>())
    };
    let facts = owner.ask(join).await?;
    // Neither the owner nor the runtime waits for the arithmetic.
    let planned = tokio::task::spawn_blocking(move || plan_nodes(&request, &facts)).await;
    Ok(DiskPlans { unasked, ..planned.map_err(WireError::internal)?? })
}

async fn usage_of(links: &NodeLinks, (peer, address): Asked) -> (PeerId, WireResult<NodeUsage>) {
    let answer = match address {
        Ok(address) => {
            let link = links.get(&address);
            link.ask(ASK_MAX, |client, context| async move { client.disk_usage(context).await }).await
        }
        Err(error) => Err(error),
    };
    (peer, answer)
}
