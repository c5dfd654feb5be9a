//! Disks that are marked, and that come while the node runs.

use std::path::PathBuf;
use std::sync::Arc;

use common::rpc::node_admin::DiskInfo;
use common::rpc::{ErrorCode, WireError, WireResult};

use super::blocking;
use super::logs::OpenLog;
use super::node::Node;
use crate::disk::{DiskSetError, layout};
use crate::log::DiskLog;

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

    pub(super) async fn disk_info(&self, tag: &str) -> WireResult<DiskInfo> {
        let found = self.disk_infos().await.into_iter().find(|disk| disk.disk == tag);
        found.ok_or_else(|| WireError::internal(format!("{tag} has just gone")))
    }

    fn changed(&self, change: Result<(), DiskSetError>) -> WireResult<()> {
        change.map_err(|error| error.to_wire())?;
        self.meta.news();
        Ok(())
    }
}

/// Writes what waits and lets the files go.
pub(super) async fn close(log: Option<Arc<OpenLog>>) {
    if let Some(open) = log {
        blocking(move || open.log.close()).await;
    }
}
