//! How copies come to run on this node, and how they end: created empty, opened, adopted under a new incarnation,
//! stopped, set aside.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use common::rpc::{ErrorCode, WireError, WireResult};
use common::types::{Ballot, Decree, Gpid, Incarnation, Member, PartitionConfig, ReplicaStatus};
use pacifica::{Boot, Event, Health};
use parking_lot::{Mutex, RwLock};
use replica_state::collect;
use replica_state::replay::Tail;
use tokio::sync::{mpsc, watch};

use super::blocking;
use super::gate::ReadGate;
use super::grant::GrantCell;
use super::handle::{Place, Replica, View};
use super::node::Node;
use super::signal::DurableSignal;
use super::task::Task;
use crate::disk::{ReplicaInfo, layout};
use crate::learn::finish_install;
use crate::open_files;
use crate::storage::Storage;

/// Inputs that wait for a replica's task.
const INBOX: usize = 8192;

impl Node {
    /// Takes over configurations, in tasks of their own: one at a time per partition.
    pub(crate) fn install(self: &Arc<Self>, configs: Vec<Arc<PartitionConfig>>) {
        for config in configs {
            let node = Arc::clone(self);
            tokio::spawn(async move {
                let gpid = config.gpid;
                if let Err(error) = node.settle(config).await {
                    tracing::error!(%gpid, %error, "a configuration cannot be followed");
                }
            });
        }
    }

    async fn settle(self: &Arc<Self>, config: Arc<PartitionConfig>) -> WireResult<()> {
        let gpid = config.gpid;
        if let Some(replica) = self.registry.get(gpid)
            && config.copy_on(self.peer).is_none_or(|copy| copy == replica.me)
        {
            replica.event(Event::Config(config));
            return Ok(());
        }
        let _turn = self.turns.take(gpid).await;
        let Some(copy) = config.copy_on(self.peer).filter(|copy| config.learners.contains(copy)) else { return Ok(()) };
        let present = self.registry.get(gpid);
        let lost =
            present.as_ref().filter(|replica| replica.me.incarnation < copy.incarnation && self.is_lost(replica));
        if lost.is_none_or(|replica| !self.only_its_disk_is_gone(replica)) && self.may_be_absent(&config, copy) {
            return Ok(());
        }
        if let Some(lost) = lost {
            return self.replace(lost, copy, config).await;
        }
        match present {
            Some(replica) if replica.me.incarnation < copy.incarnation => self.adopt(&replica, copy, config).await,
            Some(replica) => {
                replica.event(Event::Config(config));
                Ok(())
            }
            None if self.may_create(&config, copy) => self.create(copy, config).await,
            None => Ok(()),
        }
    }

    /// While a disk is absent it could hold any copy that was given out before this process began: only an incarnation
    /// given out since is surely new (rule LAST COPY). The primary drops the silent learner and another follows.
    fn may_be_absent(&self, config: &PartitionConfig, copy: Member) -> bool {
        if self.disks.disks().iter().all(|disk| disk.is_usable()) {
            return false;
        }
        let floor = *self.floors.lock().entry(config.gpid).or_insert(config.next_incarnation);
        copy.incarnation < floor
    }

    /// A copy that a disk move has closed for a moment or is about to open, or that an absent disk could hold, is not made
    /// anew.
    pub(super) fn may_create(&self, config: &PartitionConfig, copy: Member) -> bool {
        let moved =
            config.moving.is_some_and(|moving| moving.peer == self.peer && moving.incarnation == copy.incarnation);
        let held = self.disks.is_held(config.gpid);
        !moved && !held && !self.waiting.lock().contains(&config.gpid) && self.is_loaded()
    }

    /// An empty copy: the first of a partition at ballot 0, or a learner that will fetch everything (rule LAST COPY).
    pub(super) async fn create(self: &Arc<Self>, copy: Member, config: Arc<PartitionConfig>) -> WireResult<()> {
        if self.was_set_aside(&config, copy).await {
            return Ok(());
        }
        let disk = self.disks.choose().ok_or_else(no_disk)?;
        let dir = layout::replica_dir(disk.path(), config.gpid);
        let info = ReplicaInfo::new(config.gpid, copy.incarnation, config.ballot, disk.uuid());
        let (engine, place, written) =
            (self.engine.clone(), Place { disk: disk.tag().to_owned(), dir: dir.clone() }, info.clone());
        let storage = blocking(move || -> WireResult<Storage> {
            open_files::ensure_plenty()?;
            common::fs::create_dir_durable(&dir).map_err(WireError::internal)?;
            written.write(&dir).map_err(WireError::internal)?;
            Storage::create(&engine, &layout::rdb_dir(&dir)).map_err(|error| error.to_wire())
        })
        .await?;
        tracing::info!(gpid = %config.gpid, %copy, disk = %place.disk, "replica created");
        self.start(copy, place, storage, info, None)?;
        self.follow(config);
        Ok(())
    }

    /// A copy that was set aside here does not begin again under its own incarnation (rule INCARNATION): the primary drops
    /// the silent learner, and another follows. At ballot 0 nothing was ever written.
    async fn was_set_aside(&self, config: &PartitionConfig, copy: Member) -> bool {
        let (disks, gpid) = (Arc::clone(&self.disks), config.gpid);
        let aside = blocking(move || disks.highest_set_aside(gpid)).await;
        let is_old = config.ballot > Ballot(0) && aside >= Some(copy.incarnation);
        if is_old {
            tracing::info!(%gpid, %copy, "not made anew: this copy, or a newer one, was set aside here");
        }
        is_old
    }

    /// A dropped copy is wanted again, under a new incarnation: what is committed is applied and flushed, the rest of
    /// its log is another copy's from now on (rule LOG).
    async fn adopt(
        self: &Arc<Self>,
        replica: &Arc<Replica>,
        copy: Member,
        config: Arc<PartitionConfig>,
    ) -> WireResult<()> {
        self.stop_replica(replica, true).await?;
        let (engine, dir) = (self.engine.clone(), replica.place.dir.clone());
        let adopted = blocking(move || -> WireResult<(ReplicaInfo, Storage)> {
            let mut info = ReplicaInfo::read(&dir).map_err(WireError::internal)?;
            info.adopt(copy.incarnation, config.ballot);
            info.write(&dir).map_err(WireError::internal)?;
            let storage = Storage::open(&engine, &layout::rdb_dir(&dir)).map_err(|error| error.to_wire())?;
            Ok((info, storage))
        })
        .await;
        if adopted.is_err() {
            self.give_up(replica.gpid, &replica.place).await;
        }
        let (info, storage) = adopted?;
        tracing::info!(gpid = %replica.gpid, from = %replica.me, to = %copy, "copy adopted under a new incarnation");
        self.start(copy, replica.place.clone(), storage, info, None)
    }

    /// Closes a copy that is in error and opens it again from its storage and log.
    ///
    /// # Errors
    /// If it cannot be opened; it is then set aside as damaged, and cured from another.
    pub(crate) async fn reopen(self: &Arc<Self>, replica: &Arc<Replica>) -> WireResult<()> {
        let _turn = self.turns.take(replica.gpid).await;
        let same = |open: &Arc<Replica>| Arc::ptr_eq(open, replica);
        if self.registry.get(replica.gpid).as_ref().is_none_or(|open| !same(open)) {
            return Ok(());
        }
        self.stop_replica(replica, false).await?;
        let (place, dir) = (replica.place.clone(), replica.place.dir.clone());
        let info = blocking(move || ReplicaInfo::read(&dir)).await.map_err(WireError::internal)?;
        let opened = self.open(place.clone(), info).await;
        if opened.is_err() {
            self.give_up(replica.gpid, &place).await;
        }
        opened
    }

    fn follow(&self, config: Arc<PartitionConfig>) {
        if let Some(replica) = self.registry.get(config.gpid) {
            replica.event(Event::Config(config));
        }
    }

    /// Opens what stands on disk, with the tail that its disk's log holds.
    pub(crate) async fn open(self: &Arc<Self>, place: Place, info: ReplicaInfo) -> WireResult<()> {
        let (engine, dir, log) = (self.engine.clone(), place.dir.clone(), self.log(&place.disk)?);
        let (gpid, incarnation) = (info.gpid, info.incarnation);
        let (storage, tail) = blocking(move || -> WireResult<(Storage, Tail)> {
            finish_install(&dir).map_err(WireError::internal)?;
            let storage = Storage::open(&engine, &layout::rdb_dir(&dir)).map_err(|error| error.to_wire())?;
            let tail = log.tail(gpid, incarnation, storage.applied().decree).map_err(|error| error.to_wire())?;
            Ok((storage, tail))
        })
        .await?;
        let copy = Member { peer: self.peer, incarnation };
        self.start(copy, place, storage, info, Some(tail))
    }

    /// Starts the task of a copy; every process start ends every role, so it begins inactive (rule ROLES).
    fn start(
        self: &Arc<Self>,
        me: Member,
        place: Place,
        storage: Storage,
        info: ReplicaInfo,
        tail: Option<Tail>,
    ) -> WireResult<()> {
        let gpid = info.gpid;
        let signal = DurableSignal::new();
        let log = self.log(&place.disk)?.attach(gpid, me.incarnation, Arc::clone(&signal) as _);
        let (boot, clean) = self.boot(&storage, &info, tail);
        let clean =
            clean && self.logs.get(&place.disk).is_some_and(|open| open.recovery.is_clean(gpid, me.incarnation));
        let core = pacifica::Replica::new(Arc::clone(&self.options), me, gpid, boot, pacifica::Faults::default());
        let (inbox, inputs) = mpsc::channel(INBOX);
        let (status, ballot) = (core.status(), core.ballot());
        let view = View { clean, ..View::of(&core) };
        let replica = Arc::new(Replica {
            gpid,
            me,
            place,
            log,
            inbox,
            gate: ReadGate::default(),
            grant: GrantCell::default(),
            storage: RwLock::new(Some(storage)),
            view: Mutex::new(Arc::new(view)),
            changed: watch::Sender::new((status, ballot)),
            serves: watch::Sender::new(false),
            size_bytes: AtomicU64::default(),
            learned: Arc::default(),
        });
        self.registry.insert(Arc::clone(&replica));
        let disk = self.disks.figures().into_iter().find(|disk| disk.tag == replica.place.disk);
        if let Some(health) = disk.map(|disk| self.health(&disk)).filter(|health| *health != Health::Well) {
            replica.event(Event::Health(health));
        }
        let cache = self.caches.join();
        let task = Task::new(core, Arc::clone(&replica), self.environment(), cache, info, clean, signal, inputs);
        let running = tokio::spawn(task.run());
        tokio::spawn(async move {
            if running.await.is_err() {
                replica.broken();
            }
        });
        Ok(())
    }

    fn boot(&self, storage: &Storage, info: &ReplicaInfo, tail: Option<Tail>) -> (Boot, bool) {
        let applied = storage.applied();
        let clean = tail.as_ref().is_none_or(|tail| !tail.gap && tail.conflict.is_none());
        let fresh = tail.is_none();
        let spent = self.spent.lock().get(&info.gpid).copied().filter(|_| !fresh).unwrap_or_default();
        let (mutations, committed, ballot) = match tail {
            Some(tail) => (tail.mutations, tail.committed, tail.highest_ballot),
            None => (Vec::new(), applied.decree, info.ballot),
        };
        let boot = Boot {
            ballot: info.ballot.max(ballot).max(applied.ballot).max(spent),
            applied: applied.decree,
            applied_ballot: applied.ballot,
            committed,
            time_ms: applied.time_ms,
            tail: mutations,
            started_at: self.clock.mono(),
            fresh,
        };
        (boot, clean)
    }

    /// Stops a copy's task and forgets it; what it holds on disk stays.
    pub(crate) async fn stop_replica(&self, replica: &Arc<Replica>, flush: bool) -> WireResult<Decree> {
        let stopped = replica.stop(flush).await;
        self.registry.remove(replica.gpid);
        stopped
    }

    /// Sets a copy aside by order of the meta server (rule COLLECT). It is reported until its directory has lost its name,
    /// since the meta server takes what is not reported for gone.
    ///
    /// # Errors
    /// If the order does not name what this node holds, or the copy has a role.
    pub(crate) async fn collect(self: &Arc<Self>, gpid: Gpid, order: (Incarnation, Ballot)) -> WireResult<()> {
        let _turn = self.turns.take(gpid).await;
        let Some(replica) = self.registry.get(gpid) else { return Ok(()) };
        let view = replica.view();
        let role = if view.error.is_some() { ReplicaStatus::Inactive } else { view.status };
        collect::allowed(role, replica.me.incarnation, view.ballot, order)
            .map_err(|why| WireError::new(ErrorCode::InvalidArgument, why.to_string(), ""))?;
        let aside = self.stop_and_set_aside(&replica).await;
        self.registry.remove(gpid);
        aside?;
        tracing::info!(%gpid, copy = %replica.me, "copy set aside");
        Ok(())
    }

    async fn stop_and_set_aside(&self, replica: &Replica) -> WireResult<()> {
        replica.stop(false).await?;
        let (disks, place) = (Arc::clone(&self.disks), replica.place.clone());
        let now_ms = self.clock.wall_ms();
        blocking(move || disks.set_aside(&place.disk, &place.dir, now_ms).map(drop)).await.map_err(WireError::internal)
    }
}

fn no_disk() -> WireError {
    WireError::new(
        ErrorCode::DiskSpaceInsufficient,
        "no disk of this node takes a new replica",
        "see disk-capacity; free space or add a disk",
    )
}
