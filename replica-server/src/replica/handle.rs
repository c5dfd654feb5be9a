//! The outside of a replica's task: what doors, peers and procedures hold of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::rpc::data::{DataError, DataOp, DataReply};
use common::rpc::meta_node::ReplicaReport;
use common::rpc::node_admin::Digest;
use common::rpc::{ErrorCode, WireError, WireResult};
use common::types::{Ballot, Decree, Gpid, Member, Mutation, PartitionConfig, PeerId, ReplicaStatus, Time};
use pacifica::Event;
use parking_lot::{Mutex, RwLock};
use resp::Reply;
use tokio::sync::{mpsc, oneshot, watch};

use super::gate::ReadGate;
use super::grant::GrantCell;
use super::redis::RedisWrite;
use super::waiter::ClientWrite;
use crate::learn::Progress;
use crate::log::ReplicaLog;
use crate::storage::Storage;

/// Whether a replica serves is waited for so long.
const SERVING_MAX: Duration = Duration::from_secs(30);

/// What a replica's task is told, in order.
pub(crate) enum Input {
    /// Something happened to the core.
    Event(Event),
    /// A client writes.
    Write(ClientWrite),
    /// Digest at exactly this applied decree, or at the present one.
    Digest(Option<Decree>, oneshot::Sender<WireResult<Digest>>),
    /// Committed mutations from this decree on, if the prepare cache has them.
    Cached(Decree, oneshot::Sender<Option<Vec<Arc<Mutation>>>>),
    /// Everything told before this was taken: whoever brings much waits for it.
    Mark(oneshot::Sender<()>),
    /// A fetched checkpoint takes the place of the storage.
    Install(CheckpointReady),
    /// What stands in its directory is not to be used again: it goes to error for good, and says why.
    Condemn(Arc<str>),
    /// Close, after a flush if asked: answered when storage and log are let go.
    Stop { flush: bool, done: oneshot::Sender<Decree> },
}

/// A checkpoint that was fetched whole and verified.
pub(crate) struct CheckpointReady {
    /// The learn that it belongs to.
    pub(crate) ballot: Ballot,
}

/// What others may know of a replica, published after every turn of its task.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) status: ReplicaStatus,
    pub(crate) ballot: Ballot,
    pub(crate) config: Option<Arc<PartitionConfig>>,
    /// Why it is in error.
    pub(crate) error: Option<Arc<str>>,
    /// Its directory is not used again: it is damaged, or its disk failed.
    pub(crate) condemned: bool,
    pub(crate) prepared: Decree,
    pub(crate) prepared_ballot: Ballot,
    pub(crate) committed: Decree,
    /// Nodes that this primary wants leases from.
    pub(crate) roster: Vec<(PeerId, Ballot)>,
    /// The log was whole when it was opened.
    pub(crate) clean: bool,
}

impl View {
    /// What a core says of itself.
    pub(super) fn of(core: &pacifica::Replica) -> Self {
        Self {
            status: core.status(),
            ballot: core.ballot(),
            config: core.config().cloned(),
            error: None,
            condemned: false,
            prepared: core.prepared(),
            prepared_ballot: core.prepared_ballot(),
            committed: core.committed(),
            roster: core.roster(),
            clean: true,
        }
    }

    /// The ballot in which it is a secondary that does its duty, and the node of its primary.
    pub(crate) fn follows(&self) -> Option<(Ballot, PeerId)> {
        let follows = self.status == ReplicaStatus::Secondary && self.error.is_none();
        let config = self.config.as_ref().filter(|config| follows && config.ballot == self.ballot)?;
        config.primary.map(|primary| (self.ballot, primary.peer))
    }
}

/// Where a copy stands on disk.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Disk tag.
    pub(crate) disk: String,
    /// The live directory.
    pub(crate) dir: PathBuf,
}

/// A running replica, shared.
pub(crate) struct Replica {
    pub(crate) gpid: Gpid,
    pub(crate) me: Member,
    pub(crate) place: Place,
    pub(crate) log: ReplicaLog,
    pub(super) inbox: mpsc::Sender<Input>,
    pub(super) gate: ReadGate,
    pub(super) grant: GrantCell,
    pub(super) storage: RwLock<Option<Storage>>,
    pub(super) view: Mutex<Arc<View>>,
    pub(super) changed: watch::Sender<(ReplicaStatus, Ballot)>,
    /// Whether it leads and serves.
    pub(super) serves: watch::Sender<bool>,
    /// How large it was when it was last measured.
    pub(super) size_bytes: AtomicU64,
    /// What it fetched of checkpoints as a learner.
    pub(crate) learned: Arc<Progress>,
}

impl Replica {
    /// Tells the task; what it cannot take because its queue is full is lost, as on a network.
    pub(crate) fn event(&self, event: Event) {
        let _ = self.inbox.try_send(Input::Event(event));
    }

    /// Tells the task, waiting for room.
    pub(crate) async fn tell(&self, input: Input) -> bool {
        self.inbox.send(input).await.is_ok()
    }

    /// Tells the task and waits until it has taken it, so that what is brought never piles up.
    pub(crate) async fn bring(&self, input: Input) -> bool {
        let (taken, mark) = oneshot::channel();
        self.tell(input).await && self.tell(Input::Mark(taken)).await && mark.await.is_ok()
    }

    /// The storage, unless it is being replaced or closed.
    pub(crate) fn storage(&self) -> Option<Storage> {
        self.storage.read().clone()
    }

    /// What the task last published.
    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.lock())
    }

    /// Whether reads may be answered now (rule LEASES: asked before and after a read).
    pub(crate) fn may_read(&self, now: Time) -> bool {
        self.gate.is_open(now)
    }

    /// Grants or refuses an entry of a primary's beacon, at `now`.
    pub(crate) fn grant(&self, primary: PeerId, ballot: Ballot, now: Time) -> bool {
        self.grant.answer(primary, ballot, now)
    }

    /// Follows status and ballot.
    pub(crate) fn watch(&self) -> watch::Receiver<(ReplicaStatus, Ballot)> {
        self.changed.subscribe()
    }

    /// Waits until it leads and serves.
    ///
    /// # Errors
    /// `Timeout`.
    pub(crate) async fn serving(&self) -> WireResult<()> {
        let mut serves = self.serves.subscribe();
        let waited = tokio::time::timeout(SERVING_MAX, serves.wait_for(|serves| *serves)).await;
        let message = || format!("this node's replica of {} does not lead and serve", self.gpid);
        let late = |_| WireError::new(ErrorCode::Timeout, message(), "see `app <table> -d`");
        waited.map_err(late)?.map(drop).map_err(|_| closing(self.gpid))
    }

    /// A client's write; answered once its fate is known.
    pub(crate) fn write(&self, op: DataOp) -> Result<oneshot::Receiver<Result<DataReply, DataError>>, DataError> {
        let (to, answer) = oneshot::channel();
        self.hand(ClientWrite::Data(op, to)).map(|()| answer)
    }

    /// A Redis client's write; answered once its fate is known.
    pub(crate) fn redis(&self, write: RedisWrite) -> Result<oneshot::Receiver<Result<Reply, DataError>>, DataError> {
        let (to, answer) = oneshot::channel();
        self.hand(ClientWrite::Redis(Box::new(write), to)).map(|()| answer)
    }

    fn hand(&self, write: ClientWrite) -> Result<(), DataError> {
        match self.inbox.try_send(Input::Write(write)) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(DataError::RetryLater(busy())),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(DataError::RetryLater(closing(self.gpid))),
        }
    }

    /// Its task ended by a broken invariant: it has no role any more, grants nothing and is reported as in error, until
    /// the process starts again. The other replicas go on.
    pub(super) fn broken(&self) {
        self.gate.publish(None);
        self.serves.send_replace(false);
        self.grant.lock().to = None;
        let error = Some("an invariant is broken; see the server's log".into());
        let view = View { status: ReplicaStatus::Error, error, roster: Vec::new(), ..View::clone(&self.view()) };
        *self.view.lock() = Arc::new(view);
        tracing::error!(gpid = %self.gpid, copy = %self.me, "a replica's task ended by a broken invariant");
    }

    /// The meta server's report of it.
    pub(crate) fn report(&self) -> ReplicaReport {
        let view = self.view();
        ReplicaReport {
            gpid: self.gpid,
            incarnation: self.me.incarnation,
            status: if view.error.is_some() { ReplicaStatus::Error } else { view.status },
            ballot: view.ballot,
            prepared_ballot: view.prepared_ballot,
            prepared: view.prepared,
            committed: view.committed,
            clean: view.clean && view.error.is_none(),
            size_bytes: self.size_bytes.load(Ordering::Relaxed),
            learned_bytes: self.learned.fetched.load(Ordering::Relaxed),
            learn_bytes: self.learned.offered.load(Ordering::Relaxed),
        }
    }

    /// Notes how large it is, for the next report. Blocks for a moment.
    pub(super) fn measure(&self) {
        if let Some(Ok(bytes)) = self.storage().map(|storage| storage.size_bytes()) {
            self.size_bytes.store(bytes, Ordering::Relaxed);
        }
    }

    /// Closes the replica: its role ends, storage and log are let go.
    ///
    /// # Errors
    /// If the task is gone already.
    pub(crate) async fn stop(&self, flush: bool) -> WireResult<Decree> {
        let (done, stopped) = oneshot::channel();
        self.tell(Input::Stop { flush, done }).await;
        stopped.await.map_err(|_| closing(self.gpid))
    }
}

fn busy() -> WireError {
    WireError::new(ErrorCode::Busy, "too many operations wait for this partition", "try again after a pause")
}

/// The replica is being closed.
pub(crate) fn closing(gpid: Gpid) -> WireError {
    WireError::new(
        ErrorCode::NotReady,
        format!("replica {gpid} is being closed or replaced"),
        "try again after a pause",
    )
}
