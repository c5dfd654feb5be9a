//! Disks: `disk-capacity` and `disk-replica`.

use clap::Args;
use common::rpc::WireResult;
use common::rpc::node_admin::DiskInfo;

use crate::args::NodeName;
use crate::context::Context;
use crate::output::Output;
use crate::view;

/// Which disks.
#[derive(Args, Clone, Debug)]
struct Which {
    /// The node, as host:port or peer id
    #[arg(short, long)]
    node: NodeName,
    /// Only this disk, and its replicas
    #[arg(short, long)]
    disk: Option<String>,
}

impl Which {
    async fn disks(&self, context: &Context) -> WireResult<Vec<DiskInfo>> {
        let node = context.find_node(&self.node).await?;
        context.node(&node.address, async |node, deadline| node.disks(deadline).await).await
    }
}

/// `disk-capacity`.
#[derive(Args, Clone, Debug)]
pub struct Capacity {
    #[command(flatten)]
    which: Which,
}

impl Capacity {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        view::capacities(&self.which.disks(context).await?, self.which.disk.as_deref())
    }
}

/// `disk-replica`.
#[derive(Args, Clone, Debug)]
pub struct Replicas {
    #[command(flatten)]
    which: Which,
}

impl Replicas {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        view::counts(&self.which.disks(context).await?, self.which.disk.as_deref())
    }
}
