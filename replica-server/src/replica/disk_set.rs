//! Disks that are marked, come and go while the node runs.

use std::sync::Arc;

use common::rpc::WireResult;

use super::blocking;
use super::node::Node;

impl Node {
    /// Marks a disk as draining, or takes the mark away; the meta server hears of it at once.
    pub(crate) async fn set_draining(&self, disk: String, draining: bool) -> WireResult<()> {
        let disks = Arc::clone(&self.disks);
        blocking(move || disks.set_draining(&disk, draining)).await.map_err(|error| error.to_wire())?;
        self.meta.news();
        Ok(())
    }
}
