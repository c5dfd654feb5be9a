//! `disk-balance`: evens out the disks of a node, or of all.

use clap::{Args, ValueEnum};
use common::rpc::WireResult;
use common::rpc::disk_plan::{BalanceBy, PlanGoal, PlanRequest};

use super::disk_plan::{self, Action};
use crate::args::{NodeName, bytes_per_s};
use crate::context::Context;
use crate::output::Output;

/// `disk-balance`.
#[derive(Args, Clone, Debug)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["node", "all"]))]
pub struct DiskBalance {
    /// The node, as host:port or peer id
    #[arg(short, long)]
    node: Option<NodeName>,
    /// All nodes, each for itself
    #[arg(long)]
    all: bool,
    /// What becomes even: the used share of each disk, the number of replicas, or that of primaries
    #[arg(long, value_enum, default_value_t = By::Bytes)]
    by: By,
    /// Only show the moves (the default)
    #[arg(long, conflicts_with = "execute")]
    plan: bool,
    /// Submit the moves as jobs
    #[arg(long)]
    execute: bool,
    /// Follow the jobs to their end; fails if one fails
    #[arg(long, requires = "execute")]
    wait: bool,
    /// Also move the only replica of a table: writes to it pause for a moment
    #[arg(long)]
    include_single: bool,
    /// Limit of each move in bytes per second, for example 20MiB; the node's limit holds besides (disk-migrate-rate)
    #[arg(long, value_name = "RATE", value_parser = bytes_per_s)]
    max_rate: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    Bytes,
    Count,
    Primaries,
}

impl DiskBalance {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        let node = match &self.node {
            Some(name) => Some(context.find_node(name).await?.peer_id),
            None => None,
        };
        let by = match self.by {
            By::Bytes => BalanceBy::Bytes,
            By::Count => BalanceBy::Count,
            By::Primaries => BalanceBy::Primaries,
        };
        let request = PlanRequest {
            node,
            goal: PlanGoal::Balance(by),
            include_single: self.include_single,
            max_rate_bytes_per_s: self.max_rate,
        };
        let action = match (self.execute, self.wait) {
            (false, _) => Action::Show,
            (true, false) => Action::Submit,
            (true, true) => Action::Follow,
        };
        disk_plan::run(context, request, action).await
    }
}
