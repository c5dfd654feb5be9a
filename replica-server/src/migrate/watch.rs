//! Looks at the replica while a round of its copy runs. A round may take hours and holds the partition's lock, so what
//! forbids the next one ends this one too: a partition that refuses writes, or one that is whole without the copy.

use std::sync::Arc;
use std::time::Duration;

use common::types::Gpid;
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::driver::Driver;
use super::error::MoveError;
use super::host::MoveHost;
use super::ready::redundant;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// Looks until it is dropped.
pub(super) struct Watch {
    cancel: CancellationToken,
    cause: Arc<Mutex<Option<MoveError>>>,
    task: JoinHandle<()>,
}

impl Watch {
    pub(super) fn begin<H: MoveHost>(driver: &Driver<H>) -> Self {
        let (cancel, cause) = (driver.cell.cancel.child_token(), Arc::<Mutex<Option<MoveError>>>::default());
        // It ends a little after it is told to, and must not keep the disks of a node that has stopped.
        let (host, gpid) = (Arc::downgrade(&driver.host), driver.gpid());
        let (ends, why) = (cancel.clone(), Arc::clone(&cause));
        let task = driver.runtime.spawn(async move {
            loop {
                tokio::time::sleep(LOOK).await;
                let Some(host) = host.upgrade() else { return };
                if let Some(error) = unfit(&*host, gpid).await {
                    tracing::info!(%gpid, %error, "a copy under way is given up");
                    *why.lock() = Some(error);
                    return ends.cancel();
                }
            }
        });
        Self { cancel, cause, task }
    }

    /// Ends the round: by an operator, by the stop of the process, or by what was seen.
    pub(super) const fn cancel(&self) -> &CancellationToken {
        &self.cancel
    }

    /// What a round that failed has to say.
    pub(super) fn explain(&self, error: MoveError) -> MoveError {
        let seen = self.cause.lock().take().filter(|_| matches!(error, MoveError::Cancelled));
        seen.unwrap_or(error)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Why the copy is not to go on, if it is not.
async fn unfit<H: MoveHost>(host: &H, gpid: Gpid) -> Option<MoveError> {
    let replica = host.replica(gpid).await;
    if let Some(Err(error)) = replica.as_ref().map(|replica| redundant(replica, 0)) {
        return Some(error);
    }
    // A copy that lost its role for a moment is worth going on with: what was copied stays good.
    let idle = replica.is_none_or(|replica| !replica.can_be_copied());
    (idle && matches!(host.is_replaced(gpid).await, Ok(true))).then_some(MoveError::Replaced(gpid))
}
