//! Registration: who a node is, and which of its runs counts.

use common::rpc::meta_node::{Heartbeat, Registration};
use common::rpc::{ErrorCode, WireError};
use common::types::{PeerId, ProcessId};

use crate::cluster::Cluster;
use crate::node::Node;
use crate::record::{Identity, Record};

impl Cluster {
    /// The id of a node, and what to store. The same address always gets the same id.
    ///
    /// # Errors
    /// Disks of another cluster, or an address that nobody could reach.
    pub fn register(&self, registration: &Registration) -> Result<(PeerId, Vec<Record>), WireError> {
        self.check_registration(registration)?;
        let known = self.nodes.values().find(|n| n.address == registration.address);
        let peer = known.map_or(PeerId(self.identity.next_peer), |n| n.peer);
        // A run without fsync taints what this node holds until it holds nothing (rule ROLES).
        let untainted = known.is_none_or(|n| n.sync_always || !self.holds_a_copy(peer));
        let node = Node {
            peer,
            address: registration.address.clone(),
            process: registration.process,
            sync_always: registration.sync_always && untainted,
            draining: known.is_some_and(|n| n.draining),
            resp: registration.resp.clone(),
        };
        if known == Some(&node) {
            return Ok((peer, Vec::new()));
        }
        let mut records = vec![Record::Node(node)];
        if known.is_none() {
            records.push(Record::Identity(Identity { next_peer: self.identity.next_peer + 1, ..self.identity }));
        }
        Ok((peer, records))
    }

    fn check_registration(&self, registration: &Registration) -> Result<(), WireError> {
        let own = self.identity.cluster;
        if let Some(other) = registration.cluster.filter(|c| *c != own) {
            return Err(WireError::new(
                ErrorCode::InvalidArgument,
                format!("the disks of {} belong to cluster {other}, this is cluster {own}", registration.address),
                "point the node at its own meta server, or give it empty disks",
            ));
        }
        let port =
            registration.address.rsplit_once(':').and_then(|(host, p)| p.parse().ok().filter(|_| !host.is_empty()));
        if port.is_none_or(|p: u16| p == 0) {
            return Err(WireError::new(
                ErrorCode::InvalidArgument,
                format!("'{}' is no address of a node", registration.address),
                "give the node an address of the form host:port that others can reach",
            ));
        }
        Ok(())
    }

    fn holds_a_copy(&self, peer: PeerId) -> bool {
        self.partitions.values().any(|p| p.config.copy_on(peer).is_some())
    }

    /// Whether a request comes of the run that registered last.
    ///
    /// # Errors
    /// `UnknownNode` (register first), or `NotReady` for an older run (stop, or register again).
    pub fn vet(&self, peer: PeerId, process: ProcessId) -> Result<(), WireError> {
        let Some(node) = self.nodes.get(&peer) else {
            return Err(WireError::new(ErrorCode::UnknownNode, format!("node {peer} is unknown"), "register first"));
        };
        if node.process == process {
            return Ok(());
        }
        Err(WireError::new(
            ErrorCode::NotReady,
            format!("another process has registered as node {peer} ({})", node.address),
            "register again, or stop the process that is one too many",
        ))
    }

    /// [`Cluster::vet`] for a heartbeat.
    ///
    /// # Errors
    /// As [`Cluster::vet`].
    pub fn vet_heartbeat(&self, heartbeat: &Heartbeat) -> Result<(), WireError> {
        self.vet(heartbeat.peer, heartbeat.process)
    }
}
