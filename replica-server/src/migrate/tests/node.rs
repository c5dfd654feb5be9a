//! A node with two disks in a temporary directory, and around it a cluster that is a few numbers and a log.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use common::clock::Clock;
use common::job::{Job, JobState, LearnKind};
use common::rpc::node_admin::DiskMigrate;
use common::rpc::{ErrorCode, WireError, WireResult};
use common::types::{
    Ballot, Body, Decree, Gpid, Incarnation, Moving, MovingRequest, Mutation, PeerId, ReplicaStatus, WritesBuilder,
};
use parking_lot::Mutex;
use uuid::Uuid;

use super::cluster::Cluster;
use crate::disk::{DiskManager, DiskOptions, ReplicaInfo, SpaceLimits, ToOpen, TrashLives, layout};
use crate::migrate::{CopyPlace, Limits, MigrateOptions, Migrator, MoveHost, MovingReplica};
use crate::storage::{Engine, EngineOptions, Storage};

pub(super) const G: Gpid = Gpid::new(1, 0);
const ME: PeerId = PeerId(0);

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new(&EngineOptions::default()).unwrap())
}

struct Open {
    disk: String,
    incarnation: Incarnation,
    status: ReplicaStatus,
    storage: Storage,
}

/// One run of the node's process.
pub(super) struct Host {
    disks: Arc<DiskManager>,
    cluster: Arc<Mutex<Cluster>>,
    open: Mutex<Option<Open>>,
}

/// The node.
pub(super) struct Node {
    dir: Option<tempfile::TempDir>,
    pub(super) root: PathBuf,
    pub(super) cluster: Arc<Mutex<Cluster>>,
    pub(super) host: Arc<Host>,
    pub(super) disks: Arc<DiskManager>,
    pub(super) migrator: Arc<Migrator<Host>>,
}

impl Host {
    /// A write that the primary got: logged there, and applied here if this node is a member.
    pub(super) fn write(&self, key: &str, value: &[u8]) {
        let mut cluster = self.cluster.lock();
        let mut writes = WritesBuilder::default();
        writes.put(key.as_bytes(), &common::types::Value::bytes(Bytes::copy_from_slice(value), None).encode());
        let decree = Decree(cluster.log.len() as u64 + 1);
        let body = Body::Writes(writes.finish());
        let mutation = Arc::new(Mutation { ballot: cluster.ballot.max(Ballot(1)), decree, time_ms: 1, body });
        cluster.log.push(mutation);
        cluster.keys.insert(key.as_bytes().to_vec());
        catch_up(&cluster, self.open.lock().as_ref());
    }

    pub(super) fn status(&self) -> Option<(String, ReplicaStatus, Incarnation)> {
        self.open.lock().as_ref().map(|open| (open.disk.clone(), open.status, open.incarnation))
    }

    pub(super) fn set_status(&self, status: ReplicaStatus) {
        self.open.lock().as_mut().unwrap().status = status;
    }

    /// The meta server has the copy collected: its directory is a live one no more.
    pub(super) fn collect(&self) {
        let open = self.open.lock().take().unwrap();
        open.storage.close(Duration::from_secs(5)).unwrap();
        let disk = self.disks.disk(&open.disk).unwrap();
        std::fs::remove_dir_all(layout::replica_dir(disk.path(), G)).unwrap();
    }

    pub(super) fn storage(&self) -> Storage {
        self.open.lock().as_ref().unwrap().storage.clone()
    }

    fn open_dir(&self, disk: &str, dir: &std::path::Path) -> Open {
        let info = ReplicaInfo::read(dir).unwrap();
        let storage = Storage::open(engine(), &layout::rdb_dir(dir)).unwrap();
        Open { disk: disk.to_owned(), incarnation: info.incarnation, status: ReplicaStatus::Inactive, storage }
    }

    /// What start-up does with a copy that was a member when the process died: the primary dropped it, and it comes
    /// back under a new incarnation.
    fn opened_at_start(&self, start: &ToOpen) {
        let mut cluster = self.cluster.lock();
        let mut open = self.open_dir(&start.disk, &start.dir);
        if cluster.member == Some(open.incarnation) {
            let mut info = start.info.clone();
            info.adopt(cluster.mint(), cluster.ballot);
            info.write(&start.dir).unwrap();
            (open.incarnation, cluster.member) = (info.incarnation, Some(info.incarnation));
            open.status = if cluster.sole { ReplicaStatus::Primary } else { ReplicaStatus::Secondary };
            catch_up(&cluster, Some(&open));
        }
        *self.open.lock() = Some(open);
    }
}

fn catch_up(cluster: &Cluster, open: Option<&Open>) {
    let Some(open) = open.filter(|open| cluster.member == Some(open.incarnation)) else { return };
    let from = usize::try_from(open.storage.applied().decree.0).unwrap();
    if cluster.log.len() > from {
        open.storage.apply(&cluster.log[from..]).unwrap();
    }
}

impl MoveHost for Host {
    fn peer(&self) -> PeerId {
        ME
    }

    async fn replica(&self, _: Gpid) -> Option<MovingReplica> {
        let (sole, lost) = {
            let cluster = self.cluster.lock();
            (cluster.sole, cluster.lost.load(Ordering::SeqCst))
        };
        let open = self.open.lock();
        let Open { disk, incarnation, status, storage } = open.as_ref()?;
        let (disk, storage) = (disk.clone(), storage.clone());
        let (members, replica_count, min_replicas) = if sole { (1, 1, 1) } else { (3 - lost, 3, 2) };
        Some(MovingReplica {
            disk,
            incarnation: *incarnation,
            status: *status,
            storage,
            members,
            replica_count,
            min_replicas,
        })
    }

    async fn is_replaced(&self, _: Gpid) -> WireResult<bool> {
        Ok(self.cluster.lock().replaced)
    }

    async fn lock(&self, _: Gpid, job: Uuid) -> WireResult<()> {
        let mut cluster = self.cluster.lock();
        cluster.call("lock")?;
        assert!(cluster.locked.is_none_or(|other| other == job));
        cluster.locked = Some(job);
        Ok(())
    }

    async fn unlock(&self, _: Gpid, job: Uuid) -> WireResult<()> {
        let mut cluster = self.cluster.lock();
        cluster.call("unlock")?;
        cluster.locked = cluster.locked.filter(|other| *other != job);
        Ok(())
    }

    async fn demote(&self, _: Gpid) -> WireResult<()> {
        self.cluster.lock().call("demote")?;
        self.set_status(ReplicaStatus::Secondary);
        Ok(())
    }

    async fn leave(&self, _: Gpid, request: MovingRequest) -> WireResult<(Moving, Ballot)> {
        let silent = self.cluster.lock().silent;
        if silent {
            std::future::pending::<()>().await;
        }
        let mut cluster = self.cluster.lock();
        cluster.call("leave")?;
        if let Some(moving) = cluster.moving.filter(|moving| moving.job == request.job) {
            return Ok((moving, cluster.ballot));
        }
        let MovingRequest { job, deadline_ms, hand_back } = request;
        let incarnation = cluster.mint();
        let moving = Moving { peer: ME, job, incarnation, deadline_ms, hand_back };
        (cluster.moving, cluster.member) = (Some(moving), None);
        self.set_status(ReplicaStatus::Inactive);
        Ok((moving, cluster.ballot))
    }

    fn stay(&self, _: Gpid) {
        self.cluster.lock().calls.push("stay");
    }

    async fn close(&self, _: Gpid) -> WireResult<Option<Decree>> {
        self.cluster.lock().call("close")?;
        let Some(open) = self.open.lock().take() else { return Ok(None) };
        open.storage.close(Duration::from_secs(5)).unwrap();
        Ok(Some(open.storage.applied().decree))
    }

    async fn copy_tail(&self, source: &CopyPlace, after: Decree, target: &CopyPlace) -> WireResult<Decree> {
        let mut cluster = self.cluster.lock();
        cluster.call(if source.disk == target.disk { "copy_tail_home" } else { "copy_tail" })?;
        assert!(source.incarnation < target.incarnation && self.open.lock().is_none());
        cluster.tail_after = Some(after);
        Ok(Decree(cluster.log.len() as u64))
    }

    async fn open(&self, copy: &CopyPlace) -> WireResult<()> {
        self.cluster.lock().call("open")?;
        let mut open = self.open.lock();
        if open.as_ref().is_some_and(|open| open.disk == copy.disk && open.incarnation == copy.incarnation) {
            return Ok(());
        }
        assert!(open.is_none(), "two copies of one partition are open");
        let disk = self.disks.disk(&copy.disk).unwrap();
        let opened = self.open_dir(&copy.disk, &layout::replica_dir(disk.path(), copy.gpid));
        assert_eq!(opened.incarnation, copy.incarnation);
        *open = Some(opened);
        Ok(())
    }

    async fn rejoin(&self, _: Gpid, job: Uuid) -> WireResult<()> {
        let mut cluster = self.cluster.lock();
        cluster.call("rejoin")?;
        let mut open = self.open.lock();
        let open = open.as_mut().unwrap();
        if cluster.member == Some(open.incarnation) {
            return Ok(());
        }
        let moving = cluster.moving.ok_or_else(|| WireError::new(ErrorCode::NotMember, "no such move", ""))?;
        assert_eq!((moving.job, moving.incarnation), (job, open.incarnation));
        open.status = ReplicaStatus::Learner;
        Ok(())
    }

    async fn wait_member(&self, _: Gpid, incarnation: Incarnation, _: Duration) -> WireResult<Option<LearnKind>> {
        let mut cluster = self.cluster.lock();
        cluster.call("wait_member")?;
        let mut open = self.open.lock();
        let open = open.as_mut().unwrap();
        assert_eq!(open.incarnation, incarnation);
        if cluster.member != Some(incarnation) {
            (cluster.member, cluster.moving) = (Some(incarnation), None);
            cluster.ballot = cluster.ballot.next();
            open.status = if cluster.sole { ReplicaStatus::Primary } else { ReplicaStatus::Secondary };
            assert!(
                !cluster.sole || cluster.tail_after == Some(open.storage.applied().decree),
                "its log does not follow"
            );
        }
        catch_up(&cluster, Some(open));
        Ok(Some(LearnKind::Log))
    }

    async fn wait_serving(&self, _: Gpid) -> WireResult<()> {
        Ok(())
    }

    async fn end_move(&self, _: Gpid, job: Uuid) -> WireResult<Option<Incarnation>> {
        let mut cluster = self.cluster.lock();
        cluster.call("end_move")?;
        if cluster.moving.is_some_and(|moving| moving.job == job) {
            cluster.moving = None;
            if cluster.sole {
                cluster.member = Some(cluster.mint());
            }
        }
        if let Some(open) = self.open.lock().as_mut()
            && cluster.sole
            && cluster.member == Some(open.incarnation)
        {
            open.status = ReplicaStatus::Primary;
            catch_up(&cluster, Some(open));
        }
        Ok(cluster.member)
    }

    async fn hand_back(&self, _: Gpid) -> WireResult<()> {
        self.cluster.lock().call("hand_back")?;
        if let Some(open) = self.open.lock().as_mut().filter(|open| open.status == ReplicaStatus::Secondary) {
            open.status = ReplicaStatus::Primary;
        }
        Ok(())
    }
}

impl Node {
    /// A node whose only replica is a secondary on disk1.
    pub(super) fn new() -> Self {
        Self::new_in(tempfile::tempdir().unwrap())
    }

    pub(super) fn new_in(dir: tempfile::TempDir) -> Self {
        let root = dir.path().to_owned();
        let mut node = Self::start(root, Arc::default(), false);
        node.dir = Some(dir);
        node.create();
        node
    }

    fn create(&self) {
        let mut cluster = self.cluster.lock();
        let incarnation = cluster.mint();
        cluster.member = Some(incarnation);
        let disk = self.disks.disk("disk1").unwrap();
        let dir = layout::replica_dir(disk.path(), G);
        std::fs::create_dir(&dir).unwrap();
        ReplicaInfo::new(G, incarnation, cluster.ballot, disk.uuid()).write(&dir).unwrap();
        let storage = Storage::create(engine(), &layout::rdb_dir(&dir)).unwrap();
        let status = ReplicaStatus::Secondary;
        *self.host.open.lock() = Some(Open { disk: "disk1".into(), incarnation, status, storage });
    }

    fn start(root: PathBuf, cluster: Arc<Mutex<Cluster>>, stop_on_error: bool) -> Self {
        let disks = ["disk1", "disk2"].map(|tag| (tag.to_owned(), root.join(tag))).to_vec();
        let limits = SpaceLimits { low_percent: 0, low_bytes: 0 };
        let disks = DiskOptions { disks, home: root.join("home"), limits, lives: TrashLives::default() };
        let disks = DiskManager::open(&disks).unwrap();
        let disks = Arc::new(disks);
        let host = Arc::new(Host { disks: Arc::clone(&disks), cluster: Arc::clone(&cluster), open: Mutex::default() });
        let options = MigrateOptions {
            max_rate_bytes_per_s: 0,
            headroom_bytes: 0,
            note_every: Duration::ZERO,
            ready: Duration::from_secs(2),
            leave: Duration::from_millis(300),
            ending: Duration::from_millis(300),
            stop_on_error,
            ..MigrateOptions::new(root.join("home"))
        };
        let limits = Limits::open(&options, &Clock::System);
        let migrator = Migrator::open(options, limits, Arc::clone(&host), Arc::clone(&disks), Clock::System).unwrap();
        Self { dir: None, root, cluster, host, disks, migrator }
    }

    /// Jobs stop where an error meets them, as if the process had died there.
    pub(super) fn stopping_on_error(self) -> Self {
        self.restart_as(true)
    }

    /// The process dies and is started again: what was not flushed is gone, directories are recovered, jobs go on.
    pub(super) fn restart(self) -> Self {
        self.restart_as(false)
    }

    /// Waits until this call was made after that one.
    pub(super) async fn failed_after(&self, first: &str, then: &str) {
        let seen = || {
            let calls = self.cluster.lock().calls.clone();
            let begun = calls.iter().position(|call| *call == first);
            begun.is_some_and(|begun| calls[begun..].contains(&then))
        };
        let waiting = async {
            while !seen() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("it was never called");
    }

    /// Jobs stop where they are.
    pub(super) async fn stop(&self) {
        self.migrator.stop();
        tokio::time::timeout(Duration::from_secs(20), self.migrator.stopped()).await.expect("a job goes on");
    }

    fn restart_as(mut self, stop_on_error: bool) -> Self {
        let (dir, root, cluster) = (self.dir.take(), self.root.clone(), Arc::clone(&self.cluster));
        if let Some(open) = self.host.open.lock().take() {
            open.storage.close(Duration::from_secs(5)).unwrap();
        }
        // A driver that has ended may still hold the disks for a moment.
        while Arc::strong_count(&self.migrator) > 1 {
            std::thread::yield_now();
        }
        drop(self);
        let mut node = Self::start(root, cluster, stop_on_error);
        node.dir = dir;
        node.recover();
        node.migrator.resume();
        node
    }

    fn recover(&self) {
        let configured = {
            let cluster = self.cluster.lock();
            cluster.member.or(cluster.moving.map(|moving| moving.incarnation))
        };
        let configured = configured.map(|incarnation| (G, incarnation)).into_iter().collect();
        let recovered = self.disks.recover(&self.disks.scan(), &configured, 7);
        assert!(recovered.failed.is_empty(), "{:?}", recovered.failed);
        assert!(recovered.open.len() <= 1);
        if let Some(start) = recovered.open.first() {
            self.host.opened_at_start(start);
        }
    }

    pub(super) fn fill(&self, from: usize, to: usize) {
        let value: Vec<u8> = (0..1000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
        for n in from..to {
            let at = n % 3000;
            self.host.write(&format!("key{n:06}"), &value[at..at + 100]);
        }
    }

    pub(super) fn request(&self, source: &str, target: &str) -> DiskMigrate {
        DiskMigrate { gpid: G, source: source.into(), target: target.into(), demote: true, ..DiskMigrate::default() }
    }

    pub(super) async fn submit(&self, source: &str, target: &str) -> Uuid {
        self.migrator.submit(self.request(source, target)).await.unwrap().id
    }

    /// Waits until the job has ended, or until its driver stopped at an error.
    pub(super) async fn ended(&self, job: Uuid) -> Job {
        tokio::time::timeout(Duration::from_secs(30), self.migrator.stopped()).await.expect("the job hangs");
        self.migrator.job(job).unwrap()
    }

    pub(super) async fn moved(&self, source: &str, target: &str) -> Job {
        let id = self.submit(source, target).await;
        self.ended(id).await
    }

    /// The replica is healthy on exactly that disk, and every key that the cluster has is read through it.
    pub(super) fn check_whole_on(&self, disk: &str) {
        let (on, status, incarnation) = self.host.status().expect("the replica is not open");
        assert_eq!(on, disk);
        assert!(matches!(status, ReplicaStatus::Secondary | ReplicaStatus::Primary), "it is {status}");
        let cluster = self.cluster.lock();
        assert_eq!(cluster.member, Some(incarnation));
        assert_eq!((cluster.moving, cluster.locked), (None, None));
        assert_eq!(self.live_on(), [disk]);
        let storage = self.host.storage();
        assert_eq!(storage.applied().decree.0, cluster.log.len() as u64);
        for key in &cluster.keys {
            assert!(storage.get(key).unwrap().is_some(), "{} is lost", String::from_utf8_lossy(key));
        }
    }

    /// Waits until the job is in that state.
    pub(super) async fn in_state(&self, job: Uuid, state: JobState) {
        let mut changes = self.migrator.changes();
        while self.migrator.job(job).unwrap().state != state {
            changes.changed().await.unwrap();
        }
    }

    /// The partition drops this node's copy, and is made whole without it.
    pub(super) fn replace_copy(&self) {
        let mut cluster = self.cluster.lock();
        (cluster.member, cluster.replaced) = (None, true);
        cluster.ballot = cluster.ballot.next();
        if let Some(open) = self.host.open.lock().as_mut() {
            open.status = ReplicaStatus::Inactive;
        }
    }

    pub(super) fn live_on(&self) -> Vec<String> {
        let live = |disk: &&Arc<crate::disk::DataDir>| self.disks.holds(disk, G);
        self.disks.disks().iter().filter(live).map(|disk| disk.tag().to_owned()).collect()
    }
}
