//! A disk leaves the node while it runs.
//!
//! ```text
//! it takes nothing new and nothing stands on it
//! -> out of the list: nobody new comes to it; those on their way are waited for, and it is looked at again
//! -> its log out of the list, and those who hold that are waited for
//! -> the record says that it is gone; up to here it can stay after all
//! -> closed: nothing of it is open
//! ```

use std::sync::Arc;
use std::time::Duration;

use common::rpc::node_admin::{DiskInfo, DiskRemove};
use common::rpc::{ErrorCode, WireError, WireResult};
use uuid::Uuid;

use super::blocking;
use super::disk_set::close;
use super::logs::OpenLog;
use super::node::Node;
use crate::disk::DataDir;

/// How long what still holds a disk is waited for.
pub(super) const LET_GO: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);

impl Node {
    /// Lets a disk go. `jobs` says which moves still concern it.
    pub(crate) async fn remove_disk(
        self: &Arc<Self>,
        request: DiskRemove,
        jobs: impl Fn() -> Vec<Uuid> + Send,
    ) -> WireResult<DiskInfo> {
        let _turn = self.disk_changes.lock().await;
        let disk = self.disks.leave(&request.disk).map_err(|error| error.to_wire())?;
        let info = self.disk_info(&request.disk).await;
        let removed = self.take_out(&disk, &request, jobs).await;
        if removed.is_err() {
            self.disks.stay(&disk);
        }
        self.meta.news();
        finish(disk.tag(), removed?).await?;
        if request.broken {
            self.decide_waiting().await;
        }
        info
    }

    /// Takes it out of all lists and of the record. What is left is its log, still open.
    async fn take_out(
        self: &Arc<Self>,
        disk: &Arc<DataDir>,
        request: &DiskRemove,
        jobs: impl Fn() -> Vec<Uuid> + Send,
    ) -> WireResult<Option<Arc<OpenLog>>> {
        flags_fit(disk, request)?;
        no_jobs(disk.tag(), &jobs())?;
        if request.broken {
            self.give_up_broken(disk.tag()).await?;
        } else {
            self.is_empty(disk, request.purge_garbage).await?;
        }
        self.sources.end_on(disk.path()).await;
        let at = self.disks.detach(disk);
        let gone = self.let_go(disk, request, jobs).await;
        if gone.is_err() {
            self.disks.attach(disk, at);
        }
        gone
    }

    /// Nobody finds the disk any more. Whoever was about to make a replica on it ends that first, and finds the log; so
    /// the log goes only after that.
    async fn let_go(
        self: &Arc<Self>,
        disk: &Arc<DataDir>,
        request: &DiskRemove,
        jobs: impl Fn() -> Vec<Uuid> + Send,
    ) -> WireResult<Option<Arc<OpenLog>>> {
        until_free(disk.tag(), || Arc::strong_count(disk) > 1).await?;
        no_jobs(disk.tag(), &jobs())?;
        if !request.broken {
            self.is_empty(disk, request.purge_garbage).await?;
        }
        let log = self.logs.remove(disk.tag());
        let forgotten = self.forget(disk, log.as_ref()).await;
        match (forgotten, log) {
            (Ok(()), log) => Ok(log),
            (Err(error), None) => Err(error),
            (Err(error), Some(log)) => {
                self.logs.insert(disk.tag(), log);
                Err(error)
            }
        }
    }

    async fn forget(&self, disk: &Arc<DataDir>, log: Option<&Arc<OpenLog>>) -> WireResult<()> {
        let held = || log.is_some_and(|open| Arc::strong_count(open) > 1 || open.log.holders() > 1);
        until_free(disk.tag(), held).await?;
        let (disks, disk) = (Arc::clone(&self.disks), Arc::clone(disk));
        blocking(move || disks.forget(&disk)).await.map_err(|error| error.to_wire())
    }

    async fn is_empty(&self, disk: &Arc<DataDir>, purge: bool) -> WireResult<()> {
        let (disks, disk) = (Arc::clone(&self.disks), Arc::clone(disk));
        blocking(move || disks.empty(&disk, purge)).await.map_err(|error| error.to_wire())
    }
}

async fn until_free(tag: &str, held: impl Fn() -> bool) -> WireResult<()> {
    let wait = async {
        while held() {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(LET_GO, wait).await.map_err(|_| {
        let message = format!("something still reads or writes on {tag}");
        WireError::new(ErrorCode::Busy, message, "try again in a minute; the disk is still in use")
    })
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

fn no_jobs(tag: &str, jobs: &[Uuid]) -> WireResult<()> {
    let Some(job) = jobs.first() else { return Ok(()) };
    let message = format!("{} moves still concern {tag}, the first is job {job}", jobs.len());
    Err(WireError::new(ErrorCode::Busy, message, "wait for them: disk-migrate-report"))
}

/// Closes what was open of it.
async fn finish(tag: &str, log: Option<Arc<OpenLog>>) -> WireResult<()> {
    tokio::time::timeout(LET_GO, close(log)).await.map_err(|_| {
        let message = format!("{tag} is removed, but its log does not close: the disk does not answer");
        let hint = "it can be unmounted once it answers, or the server is restarted";
        WireError::new(ErrorCode::Timeout, message, hint)
    })
}
