//! Disks: `disk-capacity` and `disk-replica`.

use clap::Args;
use common::rpc::WireResult;
use common::rpc::node_admin::DiskInfo;

use crate::args::NodeName;
use crate::context::Context;
use crate::output::Output;
use crate::view;
use crate::watch::{needs_terminal, watch};

/// Which disks.
#[derive(Args, Clone, Debug)]
struct Which {
    /// The node, as host:port or peer id
    #[arg(short, long)]
    node: NodeName,
    /// Only this disk, and its replicas
    #[arg(short, long)]
    disk: Option<String>,
    /// Draw it again every second, until Ctrl-C
    #[arg(long)]
    watch: bool,
}

/// How disks are shown.
type View = fn(&[DiskInfo], Option<&str>) -> WireResult<Output>;

impl Which {
    async fn disks(&self, context: &Context) -> WireResult<Vec<DiskInfo>> {
        let node = context.find_node(&self.node).await?;
        context.node(&node.address, async |node, deadline| node.disks(deadline).await).await
    }

    async fn show(&self, context: &Context, view: View) -> WireResult<Output> {
        if !self.watch {
            return view(&self.disks(context).await?, self.disk.as_deref());
        }
        needs_terminal(context)?;
        watch(context, async || Ok((view(&self.disks(context).await?, self.disk.as_deref())?, false))).await
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
        self.which.show(context, view::capacities).await
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
        self.which.show(context, view::counts).await
    }
}
