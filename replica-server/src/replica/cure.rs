//! Copies whose directory is not used again, because it is damaged or its disk failed: they give up their roles, leave
//! the partition, and if the partition is to have a copy here again it is made anew, on a disk that works.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use common::rpc::WireResult;
use common::types::{Member, PartitionConfig};

use super::handle::{Input, Replica};
use super::node::Node;
use crate::log::LogStatus;

impl Node {
    /// Tells the replicas of failed disks that it is over. A disk that failed stays so while this process runs.
    pub(super) fn condemn_on_failed_disks(&self) {
        let sound = |replica: &Arc<Replica>| self.disks.disk(&replica.place.disk).is_some_and(|disk| disk.is_usable());
        for replica in self.registry.all().into_iter().filter(|r| !r.view().condemned && !sound(r)) {
            condemn(replica, "its disk failed".into());
        }
    }

    /// A scrub found a replica damaged. Its partition does without it, and gets a new copy, if it can: the last copies are
    /// never given up, damaged or not (rule LAST COPY), and are looked at again in the next turn.
    pub(super) async fn found_damaged(&self, replica: &Arc<Replica>, damage: &[String]) {
        let gpid = replica.gpid;
        self.meters.damaged.fetch_add(1, Ordering::Relaxed);
        let view = replica.view();
        let config = view.config.as_ref().filter(|config| config.is_member(self.peer));
        if config.is_some_and(|config| config.member_count() > config.min_replicas()) {
            tracing::error!(%gpid, ?damage, "a scrub found damage: the replica is set aside and learned anew");
            condemn(Arc::clone(replica), "a scrub found damage".into());
        } else {
            tracing::error!(%gpid, ?damage, "a scrub found damage in a replica that the partition cannot miss now");
        }
    }

    /// Whether nothing that stands in its directory is used again.
    pub(super) fn is_lost(&self, replica: &Replica) -> bool {
        let failed = self.disks.disk(&replica.place.disk).is_none_or(|disk| !disk.is_usable());
        let log = self.logs.get(&replica.place.disk).map(|open| open.log.status());
        failed || replica.view().condemned || matches!(log, Some(LogStatus::IoError(_)))
    }

    /// What an absent disk could hold, this node has seen: it had the copy open that stood on the only disk that is gone,
    /// and whatever is given out after that copy is new (rule LAST COPY).
    pub(super) fn only_its_disk_is_gone(&self, replica: &Replica) -> bool {
        self.disks.disks().iter().all(|disk| disk.is_usable() || disk.tag() == replica.place.disk)
    }

    /// Makes a copy anew in the place of a lost one. What stands on a failed disk stays there, under an incarnation that
    /// has no role any more; a damaged directory is set aside as `.err`.
    pub(super) async fn replace(
        self: &Arc<Self>,
        lost: &Arc<Replica>,
        copy: Member,
        config: Arc<PartitionConfig>,
    ) -> WireResult<()> {
        if !self.may_create(&config, copy) {
            return Ok(());
        }
        tracing::info!(gpid = %lost.gpid, from = %lost.me, to = %copy, disk = %lost.place.disk, "a lost copy is made anew");
        // An error says that its task is gone already.
        let _ = self.stop_replica(lost, false).await;
        if self.disks.disk(&lost.place.disk).is_some_and(|disk| disk.is_usable()) {
            self.give_up(lost.gpid, &lost.place).await;
        }
        if self.may_create(&config, copy) { self.create(copy, config).await } else { Ok(()) }
    }
}

/// Said until it is heard, however long the queue is.
fn condemn(replica: Arc<Replica>, why: Arc<str>) {
    tokio::spawn(async move { replica.tell(Input::Condemn(why)).await });
}
