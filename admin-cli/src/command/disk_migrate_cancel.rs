//! `disk-migrate-cancel`: stops a move that can still turn back.

use clap::{ArgGroup, Args};
use common::job::JobOutcome;
use common::rpc::node_admin::JobName;
use common::rpc::{ErrorCode, WireError, WireResult};
use common::types::Gpid;
use uuid::Uuid;

use super::watch_job::to_its_end;
use crate::args::NodeName;
use crate::context::Context;
use crate::output::Output;
use crate::view::{AddressBook, JobView, OneJob, figures};

const HELP: &str = "\
A move can be cancelled until it is CLOSED; the replica then stays where it was, and nothing is left of
the copy. The answer comes once the cancel is durable: it holds even if the node dies now.";

/// `disk-migrate-cancel`.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = HELP, group = ArgGroup::new("job").args(["gpid", "id"]).required(true))]
pub struct Cancel {
    /// The node, as host:port or peer id
    #[arg(short, long)]
    node: NodeName,
    /// The partition whose move is cancelled, for example 1.3
    #[arg(short, long)]
    gpid: Option<Gpid>,
    /// The job that is cancelled
    #[arg(long)]
    id: Option<Uuid>,
    /// Wait until it has ended: the copy is removed, the primary handed back
    #[arg(long)]
    wait: bool,
}

impl Cancel {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        let node = context.find_node(&self.node).await?;
        let name = self.name()?;
        let told = context.node(&node.address, async |n, deadline| n.disk_migrate_cancel(deadline, name).await).await?;
        let job = if self.wait { to_its_end(context, &node.address, told).await? } else { told };
        let view = JobView::new(&job, &AddressBook::new([(node.peer_id, node.address)]));
        let text = match job.outcome {
            JobOutcome::Running => {
                format!("job {} of {} ends\nsee it end with: disk-migrate-report --id {}", job.id, job.subject, job.id)
            }
            JobOutcome::Completed | JobOutcome::Failed | JobOutcome::Cancelled => figures(&job, &view),
        };
        Ok(Output::new(&OneJob { job: view }, text))
    }

    fn name(&self) -> WireResult<JobName> {
        let missing = || WireError::new(ErrorCode::InvalidArgument, "no job is named", "name it with --gpid or --id");
        self.id.map(JobName::Id).or(self.gpid.map(JobName::Of)).ok_or_else(missing)
    }
}
