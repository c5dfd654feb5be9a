//! The replicas that run on this node.

use std::collections::BTreeMap;
use std::sync::Arc;

use common::types::{Ballot, Gpid, PeerId};
use parking_lot::RwLock;

use super::handle::Replica;

/// The replicas that run on this node, by gpid: at most one copy of a partition.
#[derive(Default)]
pub(crate) struct Registry(RwLock<BTreeMap<Gpid, Arc<Replica>>>);

impl Registry {
    pub(crate) fn get(&self, gpid: Gpid) -> Option<Arc<Replica>> {
        self.0.read().get(&gpid).map(Arc::clone)
    }

    pub(crate) fn all(&self) -> Vec<Arc<Replica>> {
        self.0.read().values().map(Arc::clone).collect()
    }

    /// A copy begins to run. Two copies of one partition never run at once.
    pub(crate) fn insert(&self, replica: Arc<Replica>) {
        let before = self.0.write().insert(replica.gpid, replica);
        assert!(before.is_none(), "two copies of {:?} run at once", before.map(|replica| replica.gpid));
    }

    /// A copy has stopped.
    pub(crate) fn remove(&self, gpid: Gpid) -> Option<Arc<Replica>> {
        self.0.write().remove(&gpid)
    }

    /// By node: the partitions that its leases are wanted for.
    pub(crate) fn rosters(&self) -> BTreeMap<PeerId, BTreeMap<Gpid, Ballot>> {
        let mut rosters: BTreeMap<PeerId, BTreeMap<Gpid, Ballot>> = BTreeMap::new();
        for replica in self.0.read().values() {
            for (peer, ballot) in &replica.view().roster {
                rosters.entry(*peer).or_default().insert(replica.gpid, *ballot);
            }
        }
        rosters
    }
}
