//! `disk-migrate-rate`: shows and changes how fast moves between disks may copy, while they do.

use clap::Args;
use common::rpc::rates::RateChange;
use common::rpc::{ErrorCode, WireError, WireResult};
use uuid::Uuid;

use crate::args::{NodeName, Rate};
use crate::context::Context;
use crate::output::Output;
use crate::view::{AddressBook, rates};

const HELP: &str = "\
Without a rate it shows the limits, what is copied, and what holds each move back.

The limit of a node is shared by all its moves, holds at once, and is kept across restarts until it is
set to 'default': then the node's setting migrate.max_rate holds again. The limit of a job (--id) is
its own; both hold.";

/// `disk-migrate-rate`.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = HELP)]
pub struct ChangeRate {
    /// The node, as host:port or peer id
    #[arg(short, long)]
    node: NodeName,
    /// Only this job's own limit
    #[arg(long)]
    id: Option<Uuid>,
    /// Bytes per second, for example 50MiB; 0: no limit; default: what the settings say
    #[arg(value_name = "RATE")]
    rate: Option<Rate>,
}

impl ChangeRate {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        let node = context.find_node(&self.node).await?;
        let change = self.change()?;
        let now = context.node(&node.address, async |n, deadline| n.disk_migrate_rate(deadline, change).await).await?;
        rates(&now, self.id, &AddressBook::new([(node.peer_id, node.address)]), node.peer_id)
    }

    fn change(&self) -> WireResult<RateChange> {
        match (self.id, self.rate) {
            (_, None) => Ok(RateChange::Keep),
            (None, Some(Rate::Default)) => Ok(RateChange::NodeDefault),
            (None, Some(Rate::Bytes(rate))) => Ok(RateChange::Node(rate)),
            (Some(id), Some(Rate::Bytes(rate))) => Ok(RateChange::Job(id, rate)),
            (Some(_), Some(Rate::Default)) => {
                let hint = "0 takes the job's own limit away; the node's holds besides";
                Err(WireError::new(ErrorCode::InvalidArgument, "a job has no default limit", hint))
            }
        }
    }
}
