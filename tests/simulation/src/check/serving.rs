//! At most one primary serves a partition at any moment, and it has everything that was acknowledged.

use common::types::{Gpid, ReplicaStatus};

use crate::world::World;

impl World {
    /// Called after every step of a replica of this partition.
    pub(crate) fn check_serving(&mut self, gpid: Gpid) {
        let mut serving = None;
        for node in self.nodes.iter().filter(|node| node.up) {
            let Some(runtime) = node.runtimes.get(&gpid) else { continue };
            let until = runtime.core.read_until();
            if until.is_none_or(|until| until <= node.clock.now(self.now).mono) {
                continue;
            }
            assert!(
                runtime.core.status() == ReplicaStatus::Primary,
                "{gpid}: node {} reads without being primary",
                node.id
            );
            let known = self.committed.known_to_clients(gpid);
            if runtime.core.committed() < known {
                let has = runtime.core.committed();
                let seen = format!("{gpid}: node {} serves at decree {has}, decree {known} was acknowledged", node.id);
                return self.violated("no acknowledged write lost", seen);
            }
            if let Some(other) = serving.replace(node.id) {
                let seen = format!("{gpid}: nodes {other} and {} both hold leases", node.id);
                return self.violated("one primary serves", seen);
            }
        }
    }
}
