//! What is printed: the JSON shapes of the lists, and the tables that people see. Pure: from answers to text.

mod disk;
mod disk_plan;
mod job;
mod node;
mod partition;
mod table;

use std::collections::BTreeMap;

use common::types::PeerId;

pub use disk::{DiskCount, DiskCounts, DiskView, Disks, OneDisk, ReplicaView, capacities, counts, one_disk};
pub use disk_plan::{Submitted, plans};
pub use job::{JobView, Jobs, OneJob, figures};
pub use node::{Cluster, NodeView, Nodes, cluster, nodes};
pub use partition::{PartitionView, Partitions, partitions};
pub use table::{TableView, Tables, tables};

/// The address of every node. People and scripts see addresses, not peer ids.
#[derive(Clone, Debug, Default)]
pub struct AddressBook(BTreeMap<PeerId, String>);

impl AddressBook {
    /// From what the meta server says.
    pub fn new(nodes: impl IntoIterator<Item = (PeerId, String)>) -> Self {
        Self(nodes.into_iter().collect())
    }

    /// The node's address; a node that the meta server does not know is shown by its id.
    #[must_use]
    pub fn name(&self, peer: PeerId) -> String {
        self.0.get(&peer).cloned().unwrap_or_else(|| format!("peer-{peer}"))
    }
}

#[cfg(test)]
mod fixture {
    //! Answers that several tests of this module begin with.

    use super::*;

    pub(super) fn book() -> AddressBook {
        AddressBook::new((0..3).map(|i| (PeerId(i), format!("127.0.0.1:{}", 34801 + i))))
    }
}
