//! Runs the fetches of this node's learners: a few at once, one per replica, each aborted when the core starts another.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use common::fs::Throttle;
use common::job::LearnKind;
use common::pool::Pool;
use common::types::{Ballot, Gpid};
use futures::FutureExt;
use pacifica::Event;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use super::handle::{CheckpointReady, Input, Replica};
use super::peers::Peers;
use super::ports::LearnPort;
use super::registry::Registry;
use crate::learn::{FetchError, Fetched, Fetcher, LearnOrder};

/// Fetches at once; a checkpoint each at most.
const AT_ONCE: usize = 4;
/// Pause after a fetch that failed, before the core may ask again.
const PAUSE: Duration = Duration::from_millis(200);

/// The learners of a node.
pub(crate) struct Learners {
    registry: Arc<Registry>,
    peers: Arc<Peers>,
    throttle: Throttle,
    /// The same, and behind it what all copies of the node share.
    copies: Throttle,
    pool: Arc<Pool>,
    places: Arc<Semaphore>,
    running: Mutex<BTreeMap<Gpid, AbortHandle>>,
    kinds: Mutex<BTreeMap<Gpid, LearnKind>>,
}

impl Learners {
    /// `throttle` limits what is learned, `node_copies` whatever is copied to this node's disks.
    pub(crate) fn new(
        registry: Arc<Registry>,
        peers: Arc<Peers>,
        throttle: Throttle,
        node_copies: &Throttle,
        pool: Arc<Pool>,
    ) -> Arc<Self> {
        let (places, copies) = (Arc::new(Semaphore::new(AT_ONCE)), throttle.clone().behind(node_copies));
        let (running, kinds) = (Mutex::default(), Mutex::default());
        Arc::new(Self { registry, peers, throttle, copies, pool, places, running, kinds })
    }

    /// Bytes of checkpoints that the learners which are open fetched.
    pub(crate) fn fetched_bytes(&self) -> u64 {
        self.registry.all().iter().map(|replica| replica.learned.fetched.load(Ordering::Relaxed)).sum()
    }

    /// How a replica last learned anything.
    pub(crate) fn last_kind(&self, gpid: Gpid) -> Option<LearnKind> {
        self.kinds.lock().get(&gpid).copied()
    }

    /// Forgets how it learned: a new story begins.
    pub(crate) fn forget(&self, gpid: Gpid) {
        self.kinds.lock().remove(&gpid);
    }
}

impl LearnPort for Arc<Learners> {
    fn start(&self, order: LearnOrder) {
        let learners = Arc::clone(self);
        let task = tokio::spawn(async move { learners.run(order).await });
        if let Some(before) = self.running.lock().insert(order.gpid, task.abort_handle()) {
            before.abort();
        }
    }

    fn stop(&self, gpid: Gpid) {
        if let Some(running) = self.running.lock().remove(&gpid) {
            running.abort();
        }
    }
}

impl Learners {
    async fn run(&self, order: LearnOrder) {
        let Some(replica) = self.registry.get(order.gpid).filter(|replica| replica.me == order.me) else { return };
        let Ok(_place) = self.places.acquire().await else { return };
        match self.fetch(order, &replica).await {
            Ok(kind) => {
                tracing::info!(gpid = %order.gpid, %kind, from = %order.from, "learned");
                let mut kinds = self.kinds.lock();
                let most = kinds.get(&order.gpid).copied();
                kinds.insert(order.gpid, costlier(most, kind));
            }
            Err(error) => {
                tracing::warn!(gpid = %order.gpid, %error, "a learn failed and will be tried again");
                tokio::time::sleep(PAUSE).await;
            }
        }
        replica.tell(Input::Event(Event::LearnEnded { ballot: order.ballot })).await;
    }

    async fn fetch(&self, order: LearnOrder, replica: &Arc<Replica>) -> Result<LearnKind, FetchError> {
        let link = self.peers.link(order.primary.peer).ok_or(FetchError::Closed)?;
        let target = Arc::clone(replica);
        let deliver = Box::new(move |fetched| {
            let replica = Arc::clone(&target);
            async move { replica.bring(input(order.ballot, fetched)).await }.boxed()
        });
        let (dir, throttle, copies) = (replica.place.dir.clone(), self.throttle.clone(), self.copies.clone());
        let (pool, progress) = (Arc::clone(&self.pool), Arc::clone(&replica.learned));
        Fetcher { order, link, dir, throttle, copies, progress, pool, deliver }.run().await
    }
}

fn input(ballot: Ballot, fetched: Fetched) -> Input {
    match fetched {
        Fetched::Mutations(mutations) => Input::Event(Event::Learned { ballot, mutations }),
        Fetched::Checkpoint => Input::Install(CheckpointReady { ballot }),
    }
}

/// Of several learns in a row the costliest is what is reported.
fn costlier(before: Option<LearnKind>, now: LearnKind) -> LearnKind {
    let cost = |kind: LearnKind| match kind {
        LearnKind::Cache => 0,
        LearnKind::Log => 1,
        LearnKind::Checkpoint => 2,
    };
    before.filter(|before| cost(*before) > cost(now)).unwrap_or(now)
}
