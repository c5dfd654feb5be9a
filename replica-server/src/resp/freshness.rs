//! How fresh this node's secondaries are: their primaries are asked again and again, but only about partitions that READONLY
//! connections read. How an answer becomes a bound is `replica_state::marks`'.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use common::rpc::peer::{COMMIT_POINTS_MAX, CommitPoint};
use common::shutdown::Stop;
use common::types::{Ballot, Decree, Gpid, PeerId, Time};
use parking_lot::{Mutex, RwLock};
use replica_state::marks::{Mark, Marks};
use tokio::sync::{Notify, watch};

use crate::replica::Node;

/// A partition that nobody has read for so long is not asked about any more.
const UNREAD: Duration = Duration::from_secs(5);
/// Questions per bound, so that a copy that lags a little has reached a mark before the one before it is too old.
const PER_BOUND: u32 = 4;
/// The longest time between two questions: what had to wait for the answer to another one is not forgotten.
const EVERY_MAX: Duration = Duration::from_millis(250);
/// Partitions that are read for the first time in quick succession share a question.
const GATHER: Duration = Duration::from_millis(1);

/// What is known of all partitions that are read.
pub(super) struct Freshness {
    node: Arc<Node>,
    bound: Duration,
    watched: RwLock<BTreeMap<Gpid, Arc<Watched>>>,
    /// Nodes that are being asked: one question at a time.
    asking: Mutex<BTreeSet<PeerId>>,
    wanted: Notify,
}

/// What is known of one partition that is read.
pub(super) struct Watched {
    marks: Mutex<Marks>,
    read_at: AtomicU64,
    /// A read waited in vain: nobody waits again until there is a fresh mark.
    pub(super) behind: AtomicBool,
    heard: watch::Sender<()>,
}

impl Freshness {
    /// Nothing is known yet. With a bound of zero nothing ever is.
    pub(super) fn new(node: Arc<Node>, bound: Duration) -> Arc<Self> {
        let (watched, asking, wanted) = (RwLock::default(), Mutex::default(), Notify::new());
        Arc::new(Self { node, bound, watched, asking, wanted })
    }

    /// Whether secondaries answer at all.
    pub(super) const fn is_on(&self) -> bool {
        !self.bound.is_zero()
    }

    /// Whether what is as fresh as this mark is fresh enough at `now`.
    pub(super) fn suffices(&self, mark: &Mark, now: Time) -> bool {
        mark.is_fresh(now, self.bound)
    }

    /// Somebody reads the partition's secondary at `now`: its primary is asked from now on.
    pub(super) fn watch(&self, gpid: Gpid, now: Time) -> Arc<Watched> {
        let known = self.watched.read().get(&gpid).map(Arc::clone);
        if let Some(watched) = known {
            watched.read_at.store(now.0, Ordering::Relaxed);
            return watched;
        }
        Arc::clone(self.watched.write().entry(gpid).or_insert_with(|| Arc::new(Watched::new(now))))
    }

    /// A read waits for a mark: the next question is due now.
    pub(super) fn hurry(&self) {
        self.wanted.notify_one();
    }

    /// Asks until told to stop.
    pub(super) async fn run(self: Arc<Self>, stop: Stop) {
        if !self.is_on() {
            return;
        }
        let mut due = tokio::time::interval((self.bound / PER_BOUND).min(EVERY_MAX));
        due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = due.tick() => {}
                () = self.wanted.notified() => tokio::time::sleep(GATHER).await,
            }
            self.round();
        }
    }

    fn round(self: &Arc<Self>) {
        let now = self.node.clock.mono();
        let is_read = |watched: &Watched| now.since(Time(watched.read_at.load(Ordering::Relaxed))) < UNREAD;
        self.watched.write().retain(|_, watched| is_read(watched));
        for (peer, asked) in self.questions() {
            if self.asking.lock().insert(peer) {
                tokio::spawn(Arc::clone(self).ask(peer, asked));
            }
        }
    }

    /// What is to be asked of each node.
    fn questions(&self) -> BTreeMap<PeerId, Vec<(Gpid, Ballot)>> {
        let mut questions: BTreeMap<PeerId, Vec<_>> = BTreeMap::new();
        for gpid in self.watched.read().keys() {
            let view = self.node.registry.get(*gpid).map(|replica| replica.view());
            if let Some((ballot, primary)) = view.and_then(|view| view.follows()) {
                questions.entry(primary).or_default().push((*gpid, ballot));
            }
        }
        questions
    }

    async fn ask(self: Arc<Self>, peer: PeerId, asked: Vec<(Gpid, Ballot)>) {
        for some in asked.chunks(COMMIT_POINTS_MAX) {
            self.ask_about(peer, some.to_vec()).await;
        }
        self.asking.lock().remove(&peer);
    }

    async fn ask_about(&self, peer: PeerId, asked: Vec<(Gpid, Ballot)>) {
        let Some(link) = self.node.peers.link(peer) else { return };
        let asked_at = self.node.clock.mono();
        // A later answer would be of no use.
        let told = link.call(self.bound, |client, context| async move { client.commit_points(context, asked).await });
        match told.await {
            Ok(points) => points.into_iter().for_each(|point| self.note(asked_at, point)),
            Err(error) => tracing::debug!(to = link.address(), %error, "commit points were not told"),
        }
    }

    fn note(&self, asked_at: Time, point: CommitPoint) {
        if let Some(watched) = self.watched.read().get(&point.gpid) {
            let mark = Mark { asked_at, committed: point.committed, time_ms: point.time_ms };
            watched.marks.lock().note(point.ballot, mark);
            watched.heard.send_replace(());
        }
    }
}

impl Watched {
    fn new(now: Time) -> Self {
        let (marks, read_at, behind) = (Mutex::default(), AtomicU64::new(now.0), AtomicBool::default());
        Self { marks, read_at, behind, heard: watch::Sender::new(()) }
    }

    /// The freshest mark that a member of this ballot with so much applied has reached.
    pub(super) fn reached(&self, ballot: Ballot, applied: Decree) -> Option<Mark> {
        self.marks.lock().reached(ballot, applied)
    }

    /// Changes with every answer.
    pub(super) fn heard(&self) -> watch::Receiver<()> {
        self.heard.subscribe()
    }
}
