//! What the replicas of a node share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::clock::Clock;
use common::fs::Throttle;
use common::pool::Pool;
use common::rpc::garbage::GarbageDir;
use common::rpc::{WireError, WireResult};
use common::types::{Ballot, Gpid, Incarnation, PeerId, ProcessId};
use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;

use super::beacons::Beacons;
use super::caches::Caches;
use super::learner::Learners;
use super::logs::Logs;
use super::meters::Meters;
use super::peers::Peers;
use super::ports::{MetaPort, PeerPort as _};
use super::registry::Registry;
use super::retention::Retention;
use super::task::Environment;
use super::turns::Turns;
use crate::disk::DiskManager;
use crate::learn::{Facts, SourceHost, Sources};
use crate::log::DiskLog;
use crate::storage::Engine;

/// What the replicas of a node share. Made once, when the meta server has said who this node is.
pub(crate) struct Node {
    pub(crate) peer: PeerId,
    pub(crate) process: ProcessId,
    pub(crate) clock: Clock,
    pub(crate) options: Arc<pacifica::Options>,
    pub(crate) caches: Arc<Caches>,
    pub(crate) engine: Engine,
    pub(crate) disks: Arc<DiskManager>,
    pub(crate) logs: Logs,
    /// Held while a disk comes or goes: one after the other.
    pub(super) disk_changes: tokio::sync::Mutex<()>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) peers: Arc<Peers>,
    pub(crate) meta: Arc<dyn MetaPort>,
    pub(crate) learners: Arc<Learners>,
    pub(crate) sources: Sources,
    pub(crate) beacons: Arc<Beacons>,
    pub(crate) turns: Turns,
    /// Partitions whose copy may be on a disk that is absent: nothing is made anew for them (rule LAST COPY).
    pub(crate) waiting: Mutex<BTreeSet<Gpid>>,
    /// The first incarnation of each partition that this process saw not yet given out; kept while a disk is absent.
    pub(crate) floors: Mutex<BTreeMap<Gpid, Incarnation>>,
    /// Ballots that were configured before this process registered, and give it no role: only without fsync.
    pub(crate) spent: Mutex<BTreeMap<Gpid, Ballot>>,
    pub(crate) retention: Retention,
    /// An append that waits longer makes its replicas sick.
    pub(crate) log_stall: Duration,
    pub(crate) loaded: AtomicBool,
    pub(crate) meters: Arc<Meters>,
    /// Scrubs, one after the other.
    pub(crate) scrub_pool: Pool,
    /// What stood on the disks beside the replicas when the collector last looked.
    pub(crate) garbage: Mutex<Vec<GarbageDir>>,
}

/// Everything a node is made of that it does not make itself.
pub(crate) struct Parts {
    pub(crate) peer: PeerId,
    pub(crate) process: ProcessId,
    pub(crate) clock: Clock,
    pub(crate) options: Arc<pacifica::Options>,
    /// Bytes that the prepare caches of all partitions share.
    pub(crate) caches_bytes: usize,
    pub(crate) engine: Engine,
    pub(crate) disks: Arc<DiskManager>,
    pub(crate) logs: Logs,
    pub(crate) peers: Arc<Peers>,
    pub(crate) meta: Arc<dyn MetaPort>,
    pub(crate) learn_throttle: Throttle,
    /// What limits all copies of the node.
    pub(crate) copies: Throttle,
    /// Threads for what learners read and write.
    pub(crate) learn_pool: Arc<Pool>,
    /// A thread for scrubs.
    pub(crate) scrub_pool: Pool,
    pub(crate) log_keep: Duration,
    pub(crate) log_stall: Duration,
    pub(crate) meters: Arc<Meters>,
}

impl Node {
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        let registry = Arc::new(Registry::default());
        let learners = Learners::new(
            Arc::clone(&registry),
            Arc::clone(&parts.peers),
            parts.learn_throttle,
            &parts.copies,
            Arc::clone(&parts.learn_pool),
        );
        // Sessions of an earlier run of this process are never mistaken for ours.
        let sources = Sources::new(parts.clock.clone(), parts.clock.wall_ms() << 16, parts.learn_pool);
        Arc::new(Self {
            peer: parts.peer,
            process: parts.process,
            clock: parts.clock,
            options: parts.options,
            caches: Caches::new(parts.caches_bytes),
            engine: parts.engine,
            disks: parts.disks,
            logs: parts.logs,
            disk_changes: tokio::sync::Mutex::default(),
            registry,
            peers: parts.peers,
            meta: parts.meta,
            learners,
            sources,
            beacons: Arc::default(),
            turns: Turns::default(),
            waiting: Mutex::default(),
            floors: Mutex::default(),
            spent: Mutex::default(),
            retention: Retention::new(parts.log_keep),
            log_stall: parts.log_stall,
            loaded: AtomicBool::new(false),
            meters: parts.meters,
            scrub_pool: parts.scrub_pool,
            garbage: Mutex::default(),
        })
    }

    pub(crate) fn environment(&self) -> Environment {
        Environment {
            clock: self.clock.clone(),
            peers: Arc::clone(&self.peers) as _,
            meta: Arc::clone(&self.meta),
            learn: Arc::new(Arc::clone(&self.learners)),
            engine: self.engine.clone(),
            meters: Arc::clone(&self.meters),
            beacons: Arc::clone(&self.beacons),
        }
    }

    /// A node's address, if it is known.
    pub(crate) fn address(&self, peer: PeerId) -> Option<String> {
        self.peers.address(peer)
    }

    /// Whether every replica found on disk was opened, or given up.
    pub(crate) fn is_loaded(&self) -> bool {
        self.loaded.load(Ordering::Acquire)
    }

    /// The log of a disk.
    ///
    /// # Errors
    /// If the disk has none, because it failed.
    pub(crate) fn log(&self, disk: &str) -> WireResult<DiskLog> {
        self.logs
            .get(disk)
            .map(|open| open.log.clone())
            .ok_or_else(|| WireError::internal(format!("disk {disk} has no log: it failed")))
    }
}

impl SourceHost for Node {
    fn facts(&self, gpid: Gpid) -> Option<Facts> {
        let replica = self.registry.get(gpid)?;
        let view = replica.view();
        Some(Facts {
            me: replica.me,
            is_primary: view.status == common::types::ReplicaStatus::Primary,
            committed: view.committed,
            storage: replica.storage()?,
            log: replica.log.clone(),
            disk_dir: replica.place.dir.parent()?.to_owned(),
        })
    }

    fn cached(
        &self,
        gpid: Gpid,
        from: common::types::Decree,
    ) -> BoxFuture<'static, Option<Vec<Arc<common::types::Mutation>>>> {
        let replica = self.registry.get(gpid);
        async move {
            let (answer, cached) = tokio::sync::oneshot::channel();
            replica?.tell(super::handle::Input::Cached(from, answer)).await;
            cached.await.ok()?
        }
        .boxed()
    }
}
