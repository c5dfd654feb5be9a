//! Cancels a job of either kind: a procedure here, a move between disks on its node.

use std::time::Duration;

use common::job::Job;
use common::procedure::ProcedureInfo;
use common::rpc::node_admin::JobName;
use common::rpc::{ErrorCode, WireError, WireResult};
use uuid::Uuid;

use crate::owner::{Handle, Owner};
use crate::procedures;
use crate::push::NodeLinks;

/// A node answers a cancel within this.
const ASK_MAX: Duration = Duration::from_secs(5);

/// What was cancelled, as it then stands.
#[derive(Clone, Debug)]
pub(crate) enum Cancelled {
    /// A move between disks.
    Disk(Box<Job>),
    /// A procedure.
    Procedure(Box<ProcedureInfo>),
}

/// Cancels the job of this id; durable when this answers.
///
/// # Errors
/// `UnknownJob`; what the job's node says, or that it cannot be reached; `JobEnded`, `NotCancellable`.
pub(crate) async fn cancel_job(owner: &Handle, links: &NodeLinks, id: Uuid) -> WireResult<Cancelled> {
    let Some(address) = owner.ask(move |owner| Ok(node_of(owner, id))).await? else {
        return procedures::cancel(owner, id).await.map(|info| Cancelled::Procedure(Box::new(info)));
    };
    let address = address?;
    let link = links.get(&address);
    let name = JobName::Id(id);
    let job =
        link.ask(ASK_MAX, |client, context| async move { client.disk_migrate_cancel(context, name).await }).await?;
    Ok(Cancelled::Disk(Box::new(job)))
}

/// Where a move between disks runs; `None`: it is none.
fn node_of(owner: &Owner, id: Uuid) -> Option<WireResult<String>> {
    let job = owner.cluster().disk_jobs().find(|job| job.id == id)?;
    let node = owner.cluster().node(job.node).map(|node| node.address.clone());
    Some(node.ok_or_else(|| {
        WireError::new(
            ErrorCode::UnknownNode,
            format!("there is no node {}", job.node),
            "list nodes with admin-cli nodes",
        )
    }))
}
