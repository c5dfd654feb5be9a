//! An operator's wish that a node be empty, or take part again.

use common::rpc::meta_admin::NodeInfo;
use common::rpc::{ErrorCode, WireError};
use common::types::{PeerId, Time};

use super::view::unknown_node;
use crate::cluster::Cluster;
use crate::node::Node;
use crate::policy::{GuardianOptions, Loads};
use crate::record::Record;

impl Cluster {
    /// What to store so that a node is drained, or is not any longer; nothing if it is so already.
    ///
    /// # Errors
    /// `UnknownNode`; `RedundancyTooLow` if too few other nodes could take what it holds.
    pub fn drain_node(
        &self,
        peer: PeerId,
        draining: bool,
        options: GuardianOptions,
        now: Time,
    ) -> Result<Option<Record>, WireError> {
        let node = self.nodes.get(&peer).ok_or_else(|| unknown_node(peer))?;
        if node.draining == draining {
            return Ok(None);
        }
        if draining {
            self.check_drain(node, options, now)?;
        }
        Ok(Some(Record::Node(Node { draining, ..node.clone() })))
    }

    /// The node as operators see it.
    #[must_use]
    pub fn one_node(&self, peer: PeerId, options: GuardianOptions, now: Time) -> Option<NodeInfo> {
        self.nodes.get(&peer).map(|node| self.node_info(node, options, now))
    }

    /// Whether the node's copies are to leave it.
    #[must_use]
    pub fn is_draining(&self, peer: PeerId) -> bool {
        self.nodes.get(&peer).is_some_and(|node| node.draining)
    }

    fn check_drain(&self, node: &Node, options: GuardianOptions, now: Time) -> Result<(), WireError> {
        let on_it = self.live_partitions().filter(|p| p.config.copy_on(node.peer).is_some());
        let needed = on_it.map(|p| p.config.replica_count as usize).max().unwrap_or(0);
        let loads = Loads::of(self, options.node_steady_after, now);
        let others = loads.usable() - usize::from(loads.is_usable(node.peer));
        if others >= needed {
            return Ok(());
        }
        let text = format!("its partitions need {needed} other nodes that take replicas, and there are {others}");
        let hint = "start or add nodes (admin-cli nodes), undrain another, or wait until those that came back often are trusted";
        Err(WireError::new(ErrorCode::RedundancyTooLow, text, hint))
    }
}
