//! Digests of a replica at one applied decree, so that members can be compared while writes flow.

use common::rpc::node_admin::Digest;
use common::rpc::{ErrorCode, WireError, WireResult};
use common::types::Decree;
use tokio::sync::oneshot;

use super::handle::closing;
use super::task::Task;

/// Where a digest goes.
pub(super) type Waiter = oneshot::Sender<WireResult<Digest>>;

/// Most digests that wait for their decree.
const WAITING_MAX: usize = 16;

impl Task {
    /// Takes the digest now if this is the decree, keeps it waiting if the decree is still to come.
    pub(super) async fn digest(&mut self, at: Option<Decree>, waiter: Waiter) {
        let applied = self.applied();
        match at {
            Some(at) if at > applied && self.digests.len() < WAITING_MAX => self.digests.push_back((at, waiter)),
            Some(at) if at != applied => {
                let message = format!("decree {at} is gone by: {applied} is applied");
                let error = WireError::new(ErrorCode::Busy, message, "ask for a later decree, or pause the writers");
                let _ = waiter.send(Err(error));
            }
            Some(_) | None => self.take_digest(waiter).await,
        }
    }

    /// Serves what waited for the decree that is now applied.
    pub(super) async fn serve_digests(&mut self) {
        for (at, waiter) in std::mem::take(&mut self.digests) {
            self.digest(Some(at), waiter).await;
        }
    }

    /// The snapshot is taken between two applies, which wait for it; the long reading goes on by itself.
    async fn take_digest(&self, waiter: Waiter) {
        let Some(storage) = self.storage.clone() else {
            return drop(waiter.send(Err(closing(self.replica.gpid))));
        };
        let (fix, fixed) = oneshot::channel();
        tokio::task::spawn_blocking(move || {
            let digest = storage.digest(|| {
                let _ = fix.send(());
            });
            waiter.send(digest.map_err(|error| error.to_wire()))
        });
        let _ = fixed.await;
    }
}
