//! An operator's wish for another primary: only the sitting one can grant it (rule TAKE-OVER).

use common::rpc::{ErrorCode, WireError};
use common::types::{Gpid, Member, PeerId};

use super::view::unknown_node;
use crate::cluster::Cluster;

impl Cluster {
    /// Whom to ask to hand over, by address, and to which copy; `None` if that node is primary already.
    ///
    /// # Errors
    /// `UnknownPartition`, `UnknownNode`, `NotSecondary`, or `NotReady` without a primary.
    pub fn whom_to_ask(&self, gpid: Gpid, primary: PeerId) -> Result<Option<(String, Member)>, WireError> {
        let config = &self.known(gpid)?.config;
        let target = self.nodes.get(&primary).ok_or_else(|| unknown_node(primary))?;
        let Some(sitting) = config.primary else {
            return Err(WireError::new(
                ErrorCode::NotReady,
                format!("partition {gpid} has no primary that could hand over"),
                "wait until it has one (admin-cli app <table> -d)",
            ));
        };
        if sitting.peer == primary {
            return Ok(None);
        }
        let to = config.secondaries.iter().copied().find(|m| m.peer == primary).ok_or_else(|| {
            WireError::new(
                ErrorCode::NotSecondary,
                format!("node {primary} ({}) holds no secondary of partition {gpid}", target.address),
                "choose one of its secondaries (admin-cli app <table> -d)",
            )
        })?;
        let node = self.nodes.get(&sitting.peer).ok_or_else(|| unknown_node(sitting.peer))?;
        Ok(Some((node.address.clone(), to)))
    }
}
