//! `disk-gc`: lists what stands on a node's disks beside its replicas, and removes it before its time.

use std::time::Duration;

use clap::Args;
use common::rpc::garbage::GcRequest;
use common::rpc::{ErrorCode, WireError, WireResult};
use common::types::Gpid;

use crate::args::NodeName;
use crate::context::Context;
use crate::output::Output;
use crate::view::garbage;

/// Removing large directories takes its time.
const REMOVE_WITHIN: Duration = Duration::from_secs(600);

const HELP: &str = "\
Lists the directories that have lost their name, with age, size and when each is removed by itself:

  tmp  a copy that was not finished (gc.temporary_life, 1 d)
  ori  what a move left on its former disk (gc.origin_life, 7 d)
  err  damaged (gc.damaged_life, 7 d)
  gar  superseded or collected (gc.garbage_life, 1 d)

With --remove they go now, except what a running move uses and what may be the last copy that the
node has: the same rule by which they are removed by themselves. What stays is listed with its reason.";

/// `disk-gc`.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = HELP)]
pub struct Gc {
    /// The node, as host:port or peer id
    #[arg(short, long)]
    node: NodeName,
    /// Only on this disk
    #[arg(short, long)]
    disk: Option<String>,
    /// Only of this partition
    #[arg(short, long)]
    gpid: Option<Gpid>,
    /// Remove now what may go; needs --all, or --gpid to name a partition
    #[arg(long)]
    remove: bool,
    /// With --remove: of every partition
    #[arg(long, requires = "remove", conflicts_with = "gpid")]
    all: bool,
    /// Only list, as without --remove
    #[arg(long)]
    dry_run: bool,
}

impl Gc {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        if self.remove && !self.all && self.gpid.is_none() {
            let hint = "add --all for every partition, or --gpid for one; without --remove it is only listed";
            return Err(WireError::new(ErrorCode::InvalidArgument, "--remove does not say what", hint));
        }
        let node = context.find_node(&self.node).await?;
        let request = GcRequest { disk: self.disk, gpid: self.gpid, remove: self.remove && !self.dry_run };
        let within = context.timeout().max(if request.remove { REMOVE_WITHIN } else { Duration::ZERO });
        let call = async |n: common::rpc::node_admin::NodeAdminServiceClient, deadline| {
            n.disk_gc(deadline, request.clone()).await
        };
        let found = context.node_within(&node.address, within, call).await?;
        Ok(garbage(&found))
    }
}
