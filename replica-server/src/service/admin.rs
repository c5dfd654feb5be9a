//! What operators and the meta server ask.

use std::sync::Arc;

use common::job::Job;
use common::rpc::garbage::{GarbageDir, GcRequest};
use common::rpc::node_admin::{
    Digest, DiskInfo, DiskMigrate, DiskRemove, JobName, NodeAdminService, NodeUsage, ScrubReport,
};
use common::rpc::rates::{CopyRates, RateChange};
use common::rpc::{Context, ErrorCode, WireError, WireResult};
use common::types::{Ballot, Decree, Gpid, Incarnation, Member, PartitionConfig, ReplicaStatus};
use pacifica::Event;
use tokio::sync::oneshot;

use crate::migrate::Migrator;
use crate::replica::host::Host;
use crate::replica::{Input, Node, Replica, View, blocking};

/// Serves operators and the meta server.
#[derive(Clone)]
pub(super) struct AdminDoor {
    pub(super) node: Arc<Node>,
    pub(super) migrator: Arc<Migrator<Host>>,
}

impl NodeAdminService for AdminDoor {
    async fn install(self, _: Context, configs: Vec<Arc<PartitionConfig>>) {
        self.node.install(configs);
    }

    async fn collect(self, _: Context, gpid: Gpid, incarnation: Incarnation, ballot: Ballot) -> WireResult<()> {
        owned(async move { self.node.collect(gpid, (incarnation, ballot)).await }).await
    }

    async fn hand_over(self, _: Context, gpid: Gpid, to: Member) -> WireResult<()> {
        self.replica(gpid)?.tell(Input::Event(Event::HandOver { to: Some(to) })).await;
        Ok(())
    }

    async fn drop_member(self, _: Context, gpid: Gpid, member: Member) -> WireResult<()> {
        let replica = self.replica(gpid)?;
        may_drop(&replica.view(), gpid)?;
        replica.tell(Input::Event(Event::Release { member })).await;
        Ok(())
    }

    async fn serving(self, _: Context, gpid: Gpid, incarnation: Incarnation) -> WireResult<()> {
        let replica = self.replica(gpid)?;
        if replica.me.incarnation != incarnation {
            return Err(unknown(gpid));
        }
        replica.serving().await
    }

    async fn disks(self, _: Context) -> WireResult<Vec<DiskInfo>> {
        owned(async move { Ok(self.node.disk_infos().await) }).await
    }

    async fn set_draining(self, _: Context, disk: String, draining: bool) -> WireResult<()> {
        owned(async move { self.node.set_draining(disk, draining).await }).await
    }

    async fn disk_usage(self, _: Context) -> WireResult<NodeUsage> {
        owned(async move {
            let disks = self.node.disk_usages().await;
            let moves = self.migrator.jobs().into_iter().filter(Job::is_running).collect();
            let options = self.migrator.options();
            let headroom_bytes = options.headroom_bytes;
            let max_rate_bytes_per_s = self.migrator.rates().max_rate_bytes_per_s;
            Ok(NodeUsage { disks, moves, headroom_bytes, max_rate_bytes_per_s })
        })
        .await
    }

    async fn disk_add(self, _: Context, disk: String, path: String) -> WireResult<DiskInfo> {
        owned(async move { self.node.add_disk(disk, path.into()).await }).await
    }

    async fn disk_remove(self, _: Context, request: DiskRemove) -> WireResult<DiskInfo> {
        let disk = request.disk.clone();
        owned(async move {
            let jobs = || self.migrator.concerning(&disk);
            self.node.remove_disk(request, jobs).await
        })
        .await
    }

    async fn disk_migrate(self, _: Context, request: DiskMigrate) -> WireResult<Job> {
        owned(async move { self.migrator.submit(request).await }).await
    }

    async fn jobs(self, _: Context) -> WireResult<Vec<Job>> {
        Ok(self.migrator.jobs())
    }

    async fn disk_migrate_cancel(self, _: Context, job: JobName) -> WireResult<Job> {
        owned(blocking(move || self.migrator.cancel(job))).await
    }

    async fn disk_migrate_rate(self, _: Context, change: RateChange) -> WireResult<CopyRates> {
        owned(blocking(move || self.migrator.set_rate(change))).await
    }

    async fn disk_gc(self, _: Context, request: GcRequest) -> WireResult<Vec<GarbageDir>> {
        self.known_disk(request.disk.as_deref())?;
        owned(async move { Ok(self.node.garbage(request).await) }).await
    }

    async fn digest(self, _: Context, gpid: Gpid, at: Option<Decree>) -> WireResult<Digest> {
        let (answer, digest) = oneshot::channel();
        self.replica(gpid)?.tell(Input::Digest(at, answer)).await;
        digest.await.map_err(|_| WireError::new(ErrorCode::NotReady, "the replica was closed", "try again"))?
    }

    async fn flush(self, _: Context, gpid: Gpid) -> WireResult<Decree> {
        let storage = self.replica(gpid)?.storage().ok_or_else(|| unknown(gpid))?;
        let flushed = tokio::task::spawn_blocking(move || storage.flush()).await.map_err(WireError::internal)?;
        flushed.map_err(|error| error.to_wire())
    }

    async fn scrub(self, _: Context, gpid: Gpid) -> WireResult<ScrubReport> {
        let replica = self.replica(gpid)?;
        owned(async move { self.node.scrub(&replica).await }).await
    }
}

impl AdminDoor {
    fn replica(&self, gpid: Gpid) -> WireResult<Arc<Replica>> {
        self.node.registry.get(gpid).ok_or_else(|| unknown(gpid))
    }

    fn known_disk(&self, disk: Option<&str>) -> WireResult<()> {
        let Some(disk) = disk.filter(|disk| self.node.disks.disk(disk).is_none()) else { return Ok(()) };
        let figures = self.node.disks.figures();
        let tags: Vec<_> = figures.iter().map(|disk| disk.tag.as_str()).collect();
        let hint = format!("the node's disks are {}", tags.join(", "));
        Err(WireError::new(ErrorCode::UnknownDisk, format!("the node has no disk '{disk}'"), hint))
    }
}

/// The primary checks it again when it proposes; here it is told why nothing will come of it.
fn may_drop(view: &View, gpid: Gpid) -> WireResult<()> {
    if view.status != ReplicaStatus::Primary {
        let message = format!("this node's replica of {gpid} is not the primary");
        return Err(WireError::new(ErrorCode::NotPrimary, message, "see `app <table> -d`"));
    }
    let enough = view.config.as_ref().is_none_or(|config| config.member_count() > config.min_replicas());
    if enough {
        return Ok(());
    }
    let message = format!("{gpid} has no member to spare");
    Err(WireError::new(ErrorCode::RedundancyTooLow, message, "wait until the partition is healthy"))
}

fn unknown(gpid: Gpid) -> WireError {
    let message = format!("this node holds no replica of {gpid}");
    WireError::new(ErrorCode::UnknownReplica, message, "see `app <table> -d` for the nodes that do")
}

/// Runs work in a task of its own, so that it ends even if its caller hangs up.
async fn owned<T: Send + 'static>(work: impl Future<Output = WireResult<T>> + Send + 'static) -> WireResult<T> {
    tokio::spawn(work).await.map_err(WireError::internal)?
}
