//! Maintenance mode: nodes are taken down on purpose, so their copies are not made anew meanwhile.

use common::types::Now;

use crate::cluster::Cluster;
use crate::record::{Identity, Record};

impl Cluster {
    /// Switches maintenance mode; nothing to store if it is so already.
    #[must_use]
    pub fn set_maintenance(&self, on: bool, now: Now) -> Option<Record> {
        let changed = on != self.identity.maintenance_since_ms.is_some();
        let maintenance_since_ms = on.then_some(now.wall_ms);
        changed.then_some(Record::Identity(Identity { maintenance_since_ms, ..self.identity }))
    }
}
