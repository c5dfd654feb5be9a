//! Disks that are marked, come and go while the node runs.
//!
//! A disk goes only when nothing uses it any more: it leaves the lists first, then the node waits until nobody holds
//! its directory or its log, looks at it once more, writes down that it is gone, and closes it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use common::rpc::node_admin::{DiskInfo, DiskRemove};
use common::rpc::{ErrorCode, WireError, WireResult};
use common::types::Gpid;

use super::blocking;
use super::handle::Place;
use super::logs::OpenLog;
use super::node::Node;
use crate::disk::{DataDir, DiskSetError, layout, replicas};
use crate::log::DiskLog;

/// How long what still holds a disk is waited for.
const LET_GO: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);

/// A disk out of the lists, with what to put back if it has to stay.
struct Detached {
    disk: Arc<DataDir>,
    at: usize,
    log: Option<Arc<OpenLog>>,
}

impl Node {
    /// Marks a disk as draining, or takes the mark away; the meta server hears of it at once.
    pub(crate) async fn set_draining(&self, disk: String, draining: bool) -> WireResult<()> {
        let disks = Arc::clone(&self.disks);
        self.changed(blocking(move || disks.set_draining(&disk, draining)).await)
    }

    /// Takes a directory in as a disk.
    pub(crate) async fn add_disk(&self, tag: String, path: PathBuf) -> WireResult<DiskInfo> {
        let _turn = self.disk_changes.lock().await;
        if !self.is_loaded() {
            return Err(WireError::new(ErrorCode::NotReady, "this node is still starting", "try again in a moment"));
        }
        let (disks, name) = (Arc::clone(&self.disks), tag.clone());
        let prepared = blocking(move || disks.prepare(&name, &path)).await;
        let dir = prepared.map_err(|error| error.to_wire())?;
        let options = self.logs.options(layout::log_dir(dir.path()));
        let (log, recovery) = blocking(move || DiskLog::open(options)).await.map_err(|error| error.to_wire())?;
        // Before the disk is seen: whoever places a replica on it finds its log.
        self.logs.insert(&tag, Arc::new(OpenLog { log, recovery }));
        let disks = Arc::clone(&self.disks);
        let admitted = blocking(move || disks.admit(&dir)).await;
        if admitted.is_err() {
            close(self.logs.remove(&tag)).await;
        }
        self.changed(admitted)?;
        self.disk_info(&tag).await
    }

    /// Lets a disk go. `jobs` says which moves still concern it.
    pub(crate) async fn remove_disk(
        self: &Arc<Self>,
        request: DiskRemove,
        jobs: impl Fn() -> Vec<uuid::Uuid> + Send,
    ) -> WireResult<DiskInfo> {
        let _turn = self.disk_changes.lock().await;
        let disk = self.disks.leave(&request.disk).map_err(|error| error.to_wire())?;
        let info = self.disk_info(&request.disk).await;
        let broken = !disk.is_usable();
        let removed = self.take_out(Arc::clone(&disk), &request, jobs).await;
        if removed.is_err() {
            self.disks.stay(&disk);
        }
        self.meta.news();
        removed?;
        if broken {
            self.decide_waiting().await;
        }
        info
    }

    async fn take_out(
        self: &Arc<Self>,
        disk: Arc<DataDir>,
        request: &DiskRemove,
        jobs: impl Fn() -> Vec<uuid::Uuid> + Send,
    ) -> WireResult<()> {
        let tag = disk.tag();
        flags_fit(&disk, request)?;
        no_jobs(tag, &jobs())?;
        if request.broken {
            self.give_up_broken(tag).await?;
        } else {
            self.is_empty(&disk, request.purge_garbage).await?;
        }
        self.sources.end_on(disk.path());
        let detached = Detached { at: self.disks.detach(&disk), log: self.logs.remove(tag), disk };
        let gone = self.forget(&detached, request, jobs).await;
        match gone {
            Ok(()) => finish(detached).await,
            Err(error) => {
                self.put_back(detached);
                Err(error)
            }
        }
    }

    /// Nobody can come to the disk any more: once nobody is left, nothing may stand on it, and that it is gone is written
    /// down.
    async fn forget(
        self: &Arc<Self>,
        detached: &Detached,
        request: &DiskRemove,
        jobs: impl Fn() -> Vec<uuid::Uuid> + Send,
    ) -> WireResult<()> {
        let tag = detached.disk.tag();
        let waited = tokio::time::timeout(LET_GO, async {
            while detached.is_held() {
                tokio::time::sleep(LOOK).await;
            }
        });
        waited.await.map_err(|_| held(tag))?;
        no_jobs(tag, &jobs())?;
        if !request.broken {
            self.is_empty(&detached.disk, request.purge_garbage).await?;
        }
        let (disks, disk) = (Arc::clone(&self.disks), Arc::clone(&detached.disk));
        blocking(move || disks.forget(&disk)).await.map_err(|error| error.to_wire())
    }

    fn put_back(&self, detached: Detached) {
        if let Some(log) = detached.log {
            self.logs.insert(detached.disk.tag(), log);
        }
        self.disks.attach(&detached.disk, detached.at);
    }

    async fn is_empty(&self, disk: &Arc<DataDir>, purge: bool) -> WireResult<()> {
        let (disks, disk) = (Arc::clone(&self.disks), Arc::clone(disk));
        blocking(move || disks.empty(&disk, purge)).await.map_err(|error| error.to_wire())
    }

    fn on_disk(&self, tag: &str) -> Vec<Arc<super::Replica>> {
        self.registry.all().into_iter().filter(|replica| replica.place.disk == tag).collect()
    }

    /// What stands on a broken disk cannot be looked at. It is given up only if no configuration names a copy of this
    /// node that is not open on another disk (rule LAST COPY).
    async fn give_up_broken(self: &Arc<Self>, tag: &str) -> WireResult<()> {
        let configs = self.meta.configs_of(self.peer).await?;
        let configured = super::configured_on(self.peer, &configs);
        let elsewhere = |gpid: Gpid, incarnation| {
            let open = self.registry.get(gpid);
            open.is_some_and(|replica| replica.me.incarnation == incarnation && replica.place.disk != tag)
        };
        let there: BTreeSet<Gpid> =
            configured.into_iter().filter(|(gpid, copy)| !elsewhere(*gpid, *copy)).map(|(gpid, _)| gpid).collect();
        if !there.is_empty() {
            let hint = "wait until they are cured elsewhere (app TABLE -d); a partition without any other copy must \
                        not be given up: bring the disk back";
            let what = format!("its last copy may be on it: {}", replicas(&there));
            return Err(DiskSetError::NotEmpty { tag: tag.to_owned(), what, hint: hint.to_owned() }.to_wire());
        }
        for replica in self.on_disk(tag) {
            let _turn = self.turns.take(replica.gpid).await;
            // It has no role any more; that its files cannot be closed in order is to be expected.
            let _ = tokio::time::timeout(LET_GO, self.stop_replica(&replica, false)).await;
        }
        Ok(())
    }

    /// No disk is absent any more that could hold what these partitions waited for: the rules of a start decide.
    async fn decide_waiting(self: &Arc<Self>) {
        let gpids: Vec<Gpid> = self.waiting.lock().iter().copied().collect();
        let asked = tokio::time::timeout(LET_GO, self.meta.configs(gpids.clone()));
        let Ok(configs) = asked.await else { return };
        let configured = Arc::new(super::configured_on(self.peer, &configs));
        for gpid in gpids {
            let _turn = self.turns.take(gpid).await;
            let (disks, configured, now_ms) = (Arc::clone(&self.disks), Arc::clone(&configured), self.clock.wall_ms());
            let decided = blocking(move || disks.recover(&disks.scan().only(&[gpid]), &configured, now_ms)).await;
            if !decided.waiting.is_empty() || !decided.failed.is_empty() {
                continue;
            }
            self.waiting.lock().remove(&gpid);
            for copy in decided.open {
                let place = Place { disk: copy.disk, dir: copy.dir };
                if let Err(error) = self.open(place.clone(), copy.info).await {
                    tracing::error!(%gpid, %error, "a replica that waited for a disk cannot be opened");
                    self.give_up(gpid, &place).await;
                }
            }
        }
    }

    async fn disk_info(&self, tag: &str) -> WireResult<DiskInfo> {
        let found = self.disk_infos().await.into_iter().find(|disk| disk.disk == tag);
        found.ok_or_else(|| WireError::internal(format!("{tag} has just gone")))
    }

    fn changed(&self, change: Result<(), DiskSetError>) -> WireResult<()> {
        change.map_err(|error| error.to_wire())?;
        self.meta.news();
        Ok(())
    }
}

impl Detached {
    fn is_held(&self) -> bool {
        let log = self.log.as_ref().is_some_and(|open| Arc::strong_count(open) > 1 || open.log.holders() > 1);
        // Its own, and the one of whoever removes it.
        log || Arc::strong_count(&self.disk) > 2
    }
}

fn flags_fit(disk: &DataDir, request: &DiskRemove) -> WireResult<()> {
    let tag = disk.tag();
    match (disk.is_usable(), request.broken) {
        (true, false) | (false, true) => Ok(()),
        (true, true) => {
            let message = format!("{tag} is {:?}: it can be looked at, so it must be empty", disk.status());
            Err(WireError::new(ErrorCode::InvalidArgument, message, "leave --broken out"))
        }
        (false, false) => {
            let hint = "--broken removes it once the meta server says that no copy on it is needed any more";
            let message = format!("{tag} is IO_ERROR: what stands on it cannot be looked at");
            Err(WireError::new(ErrorCode::DiskIoError, message, hint))
        }
    }
}

fn no_jobs(tag: &str, jobs: &[uuid::Uuid]) -> WireResult<()> {
    let Some(job) = jobs.first() else { return Ok(()) };
    let message = format!("{} moves still concern {tag}, the first is job {job}", jobs.len());
    Err(WireError::new(ErrorCode::Busy, message, "wait for them: disk-migrate-report"))
}

fn held(tag: &str) -> WireError {
    let message = format!("something still reads or writes on {tag}");
    WireError::new(ErrorCode::Busy, message, "try again in a minute; the disk is still in use")
}

async fn finish(detached: Detached) -> WireResult<()> {
    let tag = detached.disk.tag().to_owned();
    if tokio::time::timeout(LET_GO, close(detached.log)).await.is_ok() {
        return Ok(());
    }
    let message = format!("{tag} is removed, but its log does not close: the disk does not answer");
    Err(WireError::new(ErrorCode::Timeout, message, "it can be unmounted once it answers, or the server is restarted"))
}

/// Writes what waits and lets the files go.
async fn close(log: Option<Arc<OpenLog>>) {
    if let Some(open) = log {
        blocking(move || open.log.close()).await;
    }
}
