//! `disk-drain`: marks a disk so that nothing new is put there, and moves everything off it.

use clap::Args;
use common::rpc::WireResult;
use common::rpc::disk_plan::{PlanGoal, PlanRequest};
use serde::Serialize;

use super::disk_plan::{self, Action};
use crate::args::{NodeName, bytes_per_s};
use crate::context::Context;
use crate::output::Output;

/// `disk-drain`.
#[derive(Args, Clone, Debug)]
pub struct DiskDrain {
    /// The node, as host:port or peer id
    #[arg(short, long)]
    node: NodeName,
    /// The disk to be emptied
    #[arg(short, long)]
    disk: String,
    /// Only show the moves; the disk is not marked
    #[arg(long, conflicts_with_all = ["wait", "undo"])]
    plan: bool,
    /// Follow the jobs to their end; fails if one fails
    #[arg(long, conflicts_with = "undo")]
    wait: bool,
    /// Take the mark away again: new replicas are put on the disk; moves that were submitted go on
    #[arg(long, visible_alias = "cancel")]
    undo: bool,
    /// Also move the only replica of a table: writes to it pause for a moment
    #[arg(long)]
    include_single: bool,
    /// Limit of each move in bytes per second, for example 20MiB; the node's limit holds besides (disk-migrate-rate)
    #[arg(long, value_name = "RATE", value_parser = bytes_per_s)]
    max_rate: Option<u64>,
}

#[derive(Serialize)]
struct Unmarked {
    node: String,
    disk: String,
    draining: bool,
}

impl DiskDrain {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        let node = context.find_node(&self.node).await?;
        let mark = async |draining: bool| {
            let disk = || self.disk.clone();
            context.node(&node.address, async |n, deadline| n.set_draining(deadline, disk(), draining).await).await
        };
        if self.undo {
            mark(false).await?;
            let text = format!("{} on {} takes new replicas again", self.disk, node.address);
            let view = Unmarked { node: node.address.clone(), disk: self.disk.clone(), draining: false };
            return Ok(Output::new(&view, text));
        }
        if !self.plan {
            // First the mark: what is made meanwhile is not put there.
            mark(true).await?;
        }
        let request = PlanRequest {
            node: Some(node.peer_id),
            goal: PlanGoal::Drain { disk: self.disk.clone() },
            include_single: self.include_single,
            max_rate_bytes_per_s: self.max_rate,
        };
        let action = match (self.plan, self.wait) {
            (true, _) => Action::Show,
            (false, false) => Action::Submit,
            (false, true) => Action::Follow,
        };
        disk_plan::run(context, request, action).await
    }
}
