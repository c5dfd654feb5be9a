//! What a disk move needs of the node: the implementation of `migrate::MoveHost` over replicas, peers and meta server.

use std::sync::Arc;
use std::time::Duration;

use common::job::LearnKind;
use common::rpc::{ErrorCode, WireError, WireResult};
use common::types::{
    Ballot, ConfigChange, Decree, Envelope, Gpid, Incarnation, Message, Moving, MovingRequest, PartitionConfig, PeerId,
    ReplicaStatus,
};
use pacifica::Event;
use replica_state::migrate::is_replaced;
use uuid::Uuid;

use super::handle::{Place, Replica};
use super::node::Node;
use super::ports::{Decided, PeerPort as _};
use crate::disk::{ReplicaInfo, layout};
use crate::migrate::{CopyPlace, MoveHost, MovingReplica};

/// How long a change of roles, or an answer of the meta server, is waited for.
const WAIT: Duration = Duration::from_secs(10);
/// A wish that has shown no effect for so long is said again.
const AGAIN: Duration = Duration::from_millis(300);
/// Between two looks whether a replica serves.
const SERVING: Duration = Duration::from_millis(2);

/// The node, for disk moves.
pub(crate) struct Host {
    pub(crate) node: Arc<Node>,
}

impl Host {
    fn open_replica(&self, gpid: Gpid) -> WireResult<Arc<Replica>> {
        let unknown = || WireError::new(ErrorCode::NotReady, format!("replica {gpid} is not open on this node"), "");
        self.node.registry.get(gpid).ok_or_else(unknown)
    }

    /// The newest configuration that this node knows, or the meta server's word.
    async fn config(&self, gpid: Gpid) -> WireResult<Arc<PartitionConfig>> {
        let asked = tokio::time::timeout(WAIT, self.node.meta.configs(vec![gpid]))
            .await
            .map_err(|_| late("the meta server"))?;
        let missing = || WireError::new(ErrorCode::UnknownPartition, format!("partition {gpid} is gone"), "");
        asked.into_iter().next().ok_or_else(missing)
    }

    /// Makes a change unless `done` holds already; returns the configuration in which it does.
    async fn change(
        &self,
        gpid: Gpid,
        change: ConfigChange,
        done: impl Fn(&PartitionConfig) -> bool,
    ) -> WireResult<Arc<PartitionConfig>> {
        for _ in 0..5 {
            let config = self.config(gpid).await?;
            if done(&config) {
                self.node.install(vec![Arc::clone(&config)]);
                return Ok(config);
            }
            let decided = self.node.meta.change(gpid, config.ballot, change.clone());
            match tokio::time::timeout(WAIT, decided).await.map_err(|_| late("the meta server"))? {
                Decided::Config(config) if done(&config) => {
                    self.node.install(vec![Arc::clone(&config)]);
                    return Ok(config);
                }
                // Another change came first.
                Decided::Config(_) => {}
                Decided::Refused => return Err(refused(gpid, &change)),
            }
        }
        Err(late("a free moment between other changes"))
    }

    /// Says a wish again and again until `seen` gives its outcome from the replica's view.
    async fn until<T>(
        &self,
        replica: &Arc<Replica>,
        wish: impl Fn(),
        seen: impl Fn(ReplicaStatus, Option<&PartitionConfig>) -> Option<WireResult<T>>,
    ) -> WireResult<T> {
        let mut changes = replica.watch();
        let waiting = async {
            loop {
                wish();
                let pause = tokio::time::sleep(AGAIN);
                tokio::pin!(pause);
                loop {
                    let view = replica.view();
                    if let Some(outcome) = seen(view.status, view.config.as_deref()) {
                        return outcome;
                    }
                    tokio::select! {
                        () = &mut pause => break,
                        changed = changes.changed() => changed.map_err(|_| super::handle::closing(replica.gpid))?,
                    }
                }
            }
        };
        tokio::time::timeout(WAIT, waiting).await.map_err(|_| late("a change of roles"))?
    }
}

impl MoveHost for Host {
    fn peer(&self) -> PeerId {
        self.node.peer
    }

    async fn replica(&self, gpid: Gpid) -> Option<MovingReplica> {
        let replica = self.node.registry.get(gpid)?;
        let (view, storage) = (replica.view(), replica.storage()?);
        let config = view.config.as_ref();
        Some(MovingReplica {
            disk: replica.place.disk.clone(),
            incarnation: replica.me.incarnation,
            status: if view.error.is_some() { ReplicaStatus::Error } else { view.status },
            storage,
            members: config.map_or(0, |config| config.member_count()),
            replica_count: config.map_or(0, |config| config.replica_count),
            min_replicas: config.map_or(1, |config| config.min_replicas()),
        })
    }

    async fn is_replaced(&self, gpid: Gpid) -> WireResult<bool> {
        Ok(is_replaced(&*self.config(gpid).await?, self.node.peer))
    }

    async fn lock(&self, gpid: Gpid, job: Uuid) -> WireResult<()> {
        self.node.meta.lock(gpid, job).await
    }

    async fn unlock(&self, gpid: Gpid, job: Uuid) -> WireResult<()> {
        self.node.meta.unlock(gpid, job).await
    }

    async fn demote(&self, gpid: Gpid) -> WireResult<()> {
        let replica = self.open_replica(gpid)?;
        let wish = || {
            if replica.view().status == ReplicaStatus::Primary {
                replica.event(Event::HandOver { to: None });
            }
        };
        self.until(&replica, wish, |status, _| match status {
            ReplicaStatus::Secondary => Some(Ok(())),
            ReplicaStatus::Primary | ReplicaStatus::Learner | ReplicaStatus::Inactive | ReplicaStatus::Error => None,
        })
        .await
    }

    async fn leave(&self, gpid: Gpid, request: MovingRequest) -> WireResult<(Moving, Ballot)> {
        let me = self.node.peer;
        let seen = move |config: &PartitionConfig| {
            let moving = config.moving.filter(|moving| moving.job == request.job && moving.peer == me);
            match moving {
                Some(moving) if !config.is_member(me) => Some(Ok((moving, config.ballot))),
                Some(_) => None,
                None if config.copy_on(me).is_none() => Some(Err(not_member(gpid))),
                None => None,
            }
        };
        if let Some(outcome) = seen(&*self.config(gpid).await?) {
            return outcome;
        }
        let replica = self.open_replica(gpid)?;
        self.until(&replica, || replica.event(Event::Leave(request)), |_, config| seen(config?)).await
    }

    fn stay(&self, gpid: Gpid) {
        if let Some(replica) = self.node.registry.get(gpid) {
            replica.event(Event::Stay);
        }
    }

    async fn close(&self, gpid: Gpid) -> WireResult<Option<Decree>> {
        let _turn = self.node.turns.take(gpid).await;
        let Some(replica) = self.node.registry.get(gpid) else { return Ok(None) };
        self.node.stop_replica(&replica, false).await.map(Some)
    }

    async fn copy_tail(&self, source: &CopyPlace, after: Decree, target: &CopyPlace) -> WireResult<Decree> {
        let (from, to) = (self.node.log(&source.disk)?, self.node.log(&target.disk)?);
        let (gpid, old, new) = (source.gpid, source.incarnation, target.incarnation);
        super::blocking(move || {
            let tail = from.tail(gpid, old, after).map_err(|error| error.to_wire())?;
            if tail.gap || tail.conflict.is_some() {
                let message = format!("the log of {gpid} lacks records past decree {after}");
                return Err(WireError::new(ErrorCode::Corruption, message, "scrub it; the replica stays where it is"));
            }
            from.copy_tail((gpid, old), after, &to, new, WAIT).map_err(|error| error.to_wire())
        })
        .await
    }

    async fn open(&self, copy: &CopyPlace) -> WireResult<()> {
        let _turn = self.node.turns.take(copy.gpid).await;
        if let Some(open) = self.node.registry.get(copy.gpid) {
            let same = open.me.incarnation == copy.incarnation && open.place.disk == copy.disk;
            return if same {
                Ok(())
            } else {
                Err(WireError::internal(format!("another copy of {} is open", copy.gpid)))
            };
        }
        self.node.learners.forget(copy.gpid);
        let disk = self.node.disks.disk(&copy.disk).ok_or_else(|| WireError::internal("the target disk is gone"))?;
        let dir = layout::replica_dir(disk.path(), copy.gpid);
        let from = dir.clone();
        let info = super::blocking(move || ReplicaInfo::read(&from)).await.map_err(WireError::internal)?;
        if info.incarnation != copy.incarnation {
            let message = format!("{} holds incarnation {}, not {}", dir.display(), info.incarnation, copy.incarnation);
            return Err(WireError::internal(message));
        }
        self.node.open(Place { disk: copy.disk.clone(), dir }, info).await
    }

    async fn rejoin(&self, gpid: Gpid, job: Uuid) -> WireResult<()> {
        let me = self.node.peer;
        self.change(gpid, ConfigChange::Rejoin { job }, |config| config.copy_on(me).is_some()).await.map(drop)
    }

    async fn wait_member(
        &self,
        gpid: Gpid,
        incarnation: Incarnation,
        deadline: Duration,
    ) -> WireResult<Option<LearnKind>> {
        let replica = self.open_replica(gpid)?;
        if replica.me.incarnation != incarnation {
            return Err(not_member(gpid));
        }
        let asked = self.config(gpid).await?.ballot;
        let seen = |status: ReplicaStatus, config: Option<&PartitionConfig>| match status {
            ReplicaStatus::Primary | ReplicaStatus::Secondary => Some(Ok(())),
            // It was taken out again, as happens to a learner whose process ended: the caller asks to be taken in anew.
            ReplicaStatus::Learner | ReplicaStatus::Inactive | ReplicaStatus::Error => config
                .filter(|config| config.ballot >= asked && config.copy_on(self.node.peer).is_none())
                .map(|_| Err(not_member(gpid))),
        };
        let waited = tokio::time::timeout(deadline, self.until(&replica, || (), seen)).await;
        waited.map_err(|_| late("the new copy to become a member"))??;
        Ok(self.node.learners.last_kind(gpid))
    }

    async fn wait_serving(&self, gpid: Gpid) -> WireResult<()> {
        let replica = self.open_replica(gpid)?;
        let serving = async {
            // The gate is what reads are checked against: nobody is told when it opens.
            while !replica.may_read(self.node.clock.mono()) {
                tokio::time::sleep(SERVING).await;
            }
        };
        tokio::time::timeout(WAIT, serving).await.map_err(|_| late("the partition to serve again"))
    }

    async fn end_move(&self, gpid: Gpid, job: Uuid) -> WireResult<Option<Incarnation>> {
        let ended = |config: &PartitionConfig| config.moving.is_none_or(|moving| moving.job != job);
        let config = self.change(gpid, ConfigChange::EndMove { job }, ended).await?;
        Ok(config.copy_on(self.node.peer).map(|copy| copy.incarnation))
    }

    async fn hand_back(&self, gpid: Gpid) -> WireResult<()> {
        let replica = self.open_replica(gpid)?;
        let wish = || {
            let primary = replica.view().config.as_ref().and_then(|config| config.primary);
            if let Some(to) = primary.filter(|primary| *primary != replica.me) {
                let message = Message::AskHandOver { to: replica.me };
                self.node.peers.send(Envelope { gpid, from: replica.me, to, message });
            }
        };
        self.until(&replica, wish, |status, _| match status {
            ReplicaStatus::Secondary => None,
            ReplicaStatus::Primary | ReplicaStatus::Learner | ReplicaStatus::Inactive | ReplicaStatus::Error => {
                Some(Ok(()))
            }
        })
        .await
    }
}

fn late(what: &str) -> WireError {
    let message = format!("{what} did not come within {} s", WAIT.as_secs());
    WireError::new(ErrorCode::Timeout, message, "see `app <table> -d` and `nodes`; the job tries again")
}

fn not_member(gpid: Gpid) -> WireError {
    WireError::new(ErrorCode::NotMember, format!("partition {gpid} no longer has this replica"), "see `app <table> -d`")
}

fn refused(gpid: Gpid, change: &ConfigChange) -> WireError {
    WireError::new(
        ErrorCode::NotMember,
        format!("the meta server refused {change:?} for {gpid}"),
        "see `app <table> -d`",
    )
}
