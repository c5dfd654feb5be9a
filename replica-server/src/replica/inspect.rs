//! What operators ask of a node: its disks with the replicas on them, and whether a replica's bytes are still whole.

use std::sync::Arc;
use std::time::Duration;

use common::rpc::node_admin::{DiskInfo, DiskUsage, ReplicaInfo, ScrubReport};
use common::rpc::{WireError, WireResult};
use common::types::ReplicaStatus;
use pacifica::Event;
use uuid::Uuid;

use super::blocking;
use super::handle::Replica;
use super::node::Node;
use crate::disk::layout;

/// A scrub reads so many bytes a second, so that nobody notices it.
const SCRUB_BYTES_PER_S: u64 = 50 << 20;

impl Node {
    /// The disks, with the replicas on them.
    pub(crate) async fn disk_infos(&self) -> Vec<DiskInfo> {
        let (disks, replicas) = (Arc::clone(&self.disks), self.registry.all());
        blocking(move || {
            let on = |tag: &str| {
                replicas.iter().filter(|replica| replica.place.disk == tag).map(|r| replica_info(r)).collect()
            };
            let info = |disk: crate::disk::DiskFigures| DiskInfo {
                replicas: on(&disk.tag),
                path: disk.path.display().to_string(),
                disk: disk.tag,
                status: disk.status,
                reason: disk.reason,
                capacity_bytes: disk.capacity_bytes,
                available_bytes: disk.available_bytes,
                draining: disk.draining,
                added: disk.added,
            };
            disks.figures().into_iter().map(info).collect()
        })
        .await
    }

    /// The disks, with what a plan of moves needs to know beside their replicas.
    pub(crate) async fn disk_usages(&self) -> Vec<DiskUsage> {
        let (infos, disks) = (self.disk_infos().await, Arc::clone(&self.disks));
        blocking(move || {
            let usage = |info: DiskInfo| DiskUsage {
                file_system: disks.file_system(&info.disk),
                set_aside_bytes: disks.set_aside_bytes(&info.disk),
                info,
            };
            infos.into_iter().map(usage).collect()
        })
        .await
    }

    /// Reads and checks every SST block and every log frame of a replica.
    pub(crate) async fn scrub(&self, replica: &Arc<Replica>) -> WireResult<ScrubReport> {
        let storage = replica.storage().ok_or_else(|| super::handle::closing(replica.gpid))?;
        let (log, gpid) = (self.log(&replica.place.disk)?, replica.gpid);
        let disk_dir = replica.place.dir.parent().unwrap_or(&replica.place.dir).to_owned();
        self.scrub_pool
            .run(move || {
                let scratch = layout::checkpoints_dir(&disk_dir);
                common::fs::create_dir_durable(&scratch).map_err(WireError::internal)?;
                let scratch = scratch.join(format!("scrub.{}", Uuid::new_v4()));
                let mut pace = |bytes: u64| {
                    std::thread::sleep(Duration::from_micros(bytes.saturating_mul(1_000_000) / SCRUB_BYTES_PER_S));
                    true
                };
                let tables = storage.scrub(&scratch, &mut pace).map_err(|error| error.to_wire())?;
                let frames = log.scrub(gpid);
                let damage = tables.damage.into_iter().chain(frames.damage).collect();
                Ok(ScrubReport { sst_bytes: tables.sst_bytes, log_frames: frames.frames, damage })
            })
            .await
    }

    /// Asks every primary to hand over, and waits until they have or the time is over.
    pub(crate) async fn hand_over_all(&self, limit: Duration) {
        let wait = self.registry.all().into_iter().map(|replica| async move {
            let lonely = replica.view().config.as_ref().is_none_or(|config| config.secondaries.is_empty());
            if replica.view().status != ReplicaStatus::Primary || lonely {
                return;
            }
            let mut changes = replica.watch();
            replica.event(Event::HandOver { to: None });
            let gone = changes.wait_for(|(status, _)| *status != ReplicaStatus::Primary);
            if tokio::time::timeout(limit, gone).await.is_err() {
                tracing::warn!(gpid = %replica.gpid, "a primary was not handed over in time");
            }
        });
        futures::future::join_all(wait).await;
    }
}

fn replica_info(replica: &Replica) -> ReplicaInfo {
    let view = replica.view();
    let storage = replica.storage();
    ReplicaInfo {
        gpid: replica.gpid,
        incarnation: replica.me.incarnation,
        status: if view.error.is_some() { ReplicaStatus::Error } else { view.status },
        ballot: view.ballot,
        size_bytes: storage.as_ref().and_then(|storage| storage.size_bytes().ok()).unwrap_or(0),
        applied: storage.map(|storage| storage.applied().decree).unwrap_or_default(),
    }
}
