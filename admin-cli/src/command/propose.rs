//! `propose`: makes a secondary the primary, and waits until it is.

use std::time::Duration;

use clap::Args;
use common::rpc::{ErrorCode, WireError, WireResult};
use common::types::{Gpid, PartitionConfig};
use serde::Serialize;

use crate::args::NodeName;
use crate::context::Context;
use crate::output::Output;

const POLL_EVERY: Duration = Duration::from_millis(50);

/// `propose`.
#[derive(Args, Clone, Debug)]
pub struct Propose {
    /// The partition, for example 1.3
    #[arg(short, long)]
    gpid: Gpid,
    /// The secondary that is to be primary, as host:port or peer id
    #[arg(short, long, value_name = "NODE")]
    primary: NodeName,
}

#[derive(Serialize)]
struct Proposed {
    gpid: String,
    primary: String,
    ballot: u64,
}

impl Propose {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        let gpid = self.gpid;
        let node = context.find_node(&self.primary).await?;
        context.meta(async |meta, deadline| meta.propose(deadline, gpid, node.peer_id).await).await?;
        let in_force = async {
            loop {
                let config = context.partition(gpid).await?;
                if config.primary.is_some_and(|primary| primary.peer == node.peer_id) {
                    return WireResult::Ok(config);
                }
                tokio::time::sleep(POLL_EVERY).await;
            }
        };
        let waited = tokio::time::timeout(context.timeout(), in_force).await;
        let config = waited.map_err(|_| too_slow(gpid, &node.address))??;
        Ok(output(&config, node.address))
    }
}

fn output(config: &PartitionConfig, primary: String) -> Output {
    let text = format!("{primary} is primary of {} at ballot {}", config.gpid, config.ballot);
    Output::new(&Proposed { gpid: config.gpid.to_string(), primary, ballot: config.ballot.0 }, text)
}

fn too_slow(gpid: Gpid, address: &str) -> WireError {
    let hint = "see 'app TABLE -d': the present primary must be reachable and the secondary caught up; then try again";
    WireError::new(ErrorCode::Timeout, format!("{address} has not become primary of {gpid} in time"), hint)
}
