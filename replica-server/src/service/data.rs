//! What clients ask.

use std::sync::Arc;

use common::rpc::Context;
use common::rpc::data::{DataError, DataReply, DataRequest, DataService};
use common::types::{Ballot, ReplicaStatus};
use futures::future::join_all;

use super::read;
use crate::replica::{Node, Replica};

/// Operations of one call; more are refused whole.
const CALL_MAX: usize = 4096;

/// Serves clients.
#[derive(Clone)]
pub(super) struct DataDoor {
    pub(super) node: Arc<Node>,
}

impl DataService for DataDoor {
    async fn execute(self, _: Context, requests: Vec<DataRequest>) -> Vec<Result<DataReply, DataError>> {
        if requests.len() > CALL_MAX {
            let error = common::rpc::WireError::new(
                common::rpc::ErrorCode::TooLarge,
                format!("{} operations in one call", requests.len()),
                format!("send at most {CALL_MAX}"),
            );
            return requests.iter().map(|_| Err(DataError::Refused(error.clone()))).collect();
        }
        // Writes are handed to their tasks first, so that they share mutations; reads run here meanwhile.
        let started: Vec<_> = requests.into_iter().map(|request| self.start(request)).collect();
        join_all(started.into_iter().map(|started| self.finish(started))).await
    }
}

enum Started {
    Answered(Result<DataReply, DataError>),
    Writing(tokio::sync::oneshot::Receiver<Result<DataReply, DataError>>),
    Read(Arc<Replica>, DataRequest),
}

impl DataDoor {
    fn start(&self, request: DataRequest) -> Started {
        let Some(replica) = self.node.registry.get(request.gpid) else {
            return Started::Answered(Err(DataError::Redirect { primary: None, ballot: Ballot(0) }));
        };
        if !request.op.is_write() {
            return Started::Read(replica, request);
        }
        match replica.write(request.op) {
            Ok(waiting) => Started::Writing(waiting),
            Err(error) => Started::Answered(Err(error)),
        }
    }

    async fn finish(&self, started: Started) -> Result<DataReply, DataError> {
        match started {
            Started::Answered(answer) => answer,
            // A task that went away without answering knows nothing of the write's fate.
            Started::Writing(waiting) => waiting.await.unwrap_or(Err(DataError::OutcomeUnknown)),
            Started::Read(replica, request) => self.read(&replica, request).await,
        }
    }

    /// The lease is checked before and after the read, against the clock itself (rule LEASES).
    async fn read(&self, replica: &Replica, request: DataRequest) -> Result<DataReply, DataError> {
        let since = self.node.clock.mono();
        if !replica.may_read(since) {
            return Err(self.elsewhere(replica));
        }
        let storage = replica.storage().ok_or_else(|| self.elsewhere(replica))?;
        let now_ms = self.node.clock.wall_ms().max(storage.applied().time_ms);
        let reply = read::read(&storage, request.op, now_ms).await.map_err(DataError::Refused)?;
        let now = self.node.clock.mono();
        if !replica.may_read(now) {
            return Err(self.elsewhere(replica));
        }
        self.node.meters.read(since, now);
        Ok(reply)
    }

    fn elsewhere(&self, replica: &Replica) -> DataError {
        let view = replica.view();
        if view.status == ReplicaStatus::Primary {
            return DataError::RetryLater(common::rpc::WireError::new(
                common::rpc::ErrorCode::NotServing,
                "the primary holds no lease at the moment",
                "try again after a pause",
            ));
        }
        let primary = view.config.as_ref().and_then(|config| config.primary).map(|primary| primary.peer);
        let primary = primary.filter(|peer| *peer != self.node.peer).and_then(|peer| self.node.address(peer));
        DataError::Redirect { primary, ballot: view.ballot }
    }
}
