//! `disk-migrate`: starts a move between two disks of a node and, with `--wait`, watches it to its end.

use clap::Args;
use common::job::{Job, JobOutcome};
use common::rpc::node_admin::DiskMigrate as Request;
use common::rpc::{ErrorCode, WireError, WireResult};
use common::types::Gpid;

use super::watch_job::to_its_end;
use crate::args::{NodeName, bytes_per_s};
use crate::context::Context;
use crate::output::Output;
use crate::view::{AddressBook, JobView, OneJob, figures};

/// `disk-migrate`.
#[derive(Args, Clone, Debug)]
pub struct DiskMigrate {
    /// The node, as host:port or peer id
    #[arg(short, long)]
    pub node: NodeName,
    /// The partition whose replica moves, for example 1.3
    #[arg(short, long)]
    pub gpid: Gpid,
    /// The disk that it leaves
    #[arg(short = 'f', long = "from", value_name = "DISK")]
    pub source: String,
    /// The disk that it goes to
    #[arg(short = 't', long = "to", value_name = "DISK")]
    pub target: String,
    /// Watch it to its end; fails if the move fails
    #[arg(long)]
    pub wait: bool,
    /// Refuse if the replica is primary, instead of handing over to a secondary first
    #[arg(long)]
    pub no_demote: bool,
    /// Limit of this move in bytes per second, for example 20MiB; the node's limit holds besides (disk-migrate-rate)
    #[arg(long, value_name = "RATE", value_parser = bytes_per_s)]
    pub max_rate: Option<u64>,
    /// Remove what is left on the old disk (.ori) as soon as the move has completed, instead of days later
    #[arg(long)]
    pub purge_origin: bool,
}

impl DiskMigrate {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        let node = context.find_node(&self.node).await?;
        let request = Request {
            gpid: self.gpid,
            source: self.source,
            target: self.target,
            demote: !self.no_demote,
            max_rate_bytes_per_s: self.max_rate,
            purge_origin: self.purge_origin,
        };
        let started =
            context.node(&node.address, async |n, deadline| n.disk_migrate(deadline, request.clone()).await).await?;
        let job = if self.wait { ended(to_its_end(context, &node.address, started).await?)? } else { started };
        let started = started_text(&job, &node.address);
        let view = JobView::new(&job, &AddressBook::new([(node.peer_id, node.address)]));
        let text = if self.wait { figures(&job, &view) } else { started };
        Ok(Output::new(&OneJob { job: view }, text))
    }
}

fn started_text(job: &Job, address: &str) -> String {
    format!(
        "job {} moves {} on {address} from {} to {}\nwatch it with: disk-migrate-report --id {}",
        job.id, job.subject, job.source, job.target, job.id
    )
}

fn ended(job: Job) -> WireResult<Job> {
    if job.outcome == JobOutcome::Completed {
        return Ok(job);
    }
    let cause = job.last_error.as_deref().unwrap_or(match job.outcome {
        JobOutcome::Cancelled => "it was cancelled",
        JobOutcome::Running | JobOutcome::Completed | JobOutcome::Failed => "no cause was recorded",
    });
    let hint = format!("nothing was changed; see disk-migrate-report --id {}, then start it anew", job.id);
    Err(WireError::new(ErrorCode::JobFailed, format!("the move of {} {}: {cause}", job.subject, job.outcome), hint))
}
