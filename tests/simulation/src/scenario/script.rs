//! What histories are told with.

use common::types::{Gpid, PartitionConfig, ReplicaStatus};
use rand::Rng;

use crate::happening::{Address, OpKind, Reply};
use crate::history::{OpId, Outcome};
use crate::network::Disturbance;
use crate::world::World;

/// The one partition of a history.
pub(super) const G: Gpid = Gpid::new(1, 0);
/// Longest wait for something that must come, in microseconds.
const PATIENCE: u64 = 30_000_000;

impl World {
    /// Lets time pass, in milliseconds.
    pub(super) fn pass(&mut self, ms: u64) {
        self.run_until(self.now + ms * 1000);
    }

    /// Lets time pass until something holds; a history that gets stuck here ends, and healing is checked.
    pub(super) fn until(&mut self, holds: impl Fn(&Self) -> bool) -> bool {
        let limit = self.now + PATIENCE;
        while self.violation.is_none() && self.now < limit {
            if holds(self) {
                return true;
            }
            self.run_until(self.now + 2_000);
        }
        false
    }

    pub(super) fn configured(&self) -> PartitionConfig {
        self.meta.config(G).map(|config| PartitionConfig::clone(config)).unwrap_or_else(|| unreachable!("{G} was made"))
    }

    /// The node that leads by configuration.
    pub(super) fn leader(&self) -> usize {
        self.configured().primary.and_then(|p| usize::try_from(p.peer.0).ok()).unwrap_or_default()
    }

    /// The nodes of the secondaries.
    pub(super) fn followers(&self) -> Vec<usize> {
        self.configured().secondaries.iter().filter_map(|m| usize::try_from(m.peer.0).ok()).collect()
    }

    /// Two different followers, in an order that the seed decides.
    pub(super) fn two_followers(&mut self) -> (usize, usize) {
        let turn = self.rng.random_bool(0.5);
        match self.followers().as_slice() {
            [a, b, ..] => {
                if turn {
                    (*a, *b)
                } else {
                    (*b, *a)
                }
            }
            _ => (0, 1),
        }
    }

    pub(super) fn status(&self, node: usize) -> Option<ReplicaStatus> {
        let node = self.nodes.get(node).filter(|node| node.up)?;
        node.runtimes.get(&G).map(|runtime| runtime.core.status())
    }

    /// Whether this node leads and serves.
    pub(super) fn serves(&self, node: usize) -> bool {
        let Some(node) = self.nodes.get(node).filter(|node| node.up) else { return false };
        let until = node.runtimes.get(&G).and_then(|runtime| runtime.core.read_until());
        until.is_some_and(|until| until > node.clock.now(self.now).mono)
    }

    /// A client that knows where to go begins an operation.
    pub(super) fn begin(&mut self, client: usize, node: usize, kind: OpKind) -> OpId {
        self.set_route(client, G, node);
        self.call(client, G, kind)
    }

    /// Begins a put of a value nobody else writes.
    pub(super) fn begin_put(&mut self, client: usize, node: usize, key: u16) -> OpId {
        let value = self.fresh_value();
        self.begin(client, node, OpKind::Put { key, value })
    }

    /// How an operation ended, if it did.
    pub(super) fn answered(&self, op: OpId) -> Option<Reply> {
        match self.history.operations().get(op.0)?.outcome {
            Outcome::Done(_, reply) => Some(reply),
            Outcome::Unknown | Outcome::Refused => None,
        }
    }

    /// Puts until one is acknowledged by that node.
    pub(super) fn put(&mut self, node: usize, key: u16) -> bool {
        for _ in 0..20 {
            let op = self.begin_put(0, node, key);
            self.until(|world| !world.client_is_busy(0));
            if self.answered(op).is_some() {
                return true;
            }
            self.pass(50);
        }
        false
    }

    /// Puts several times.
    pub(super) fn put_some(&mut self, node: usize, count: u16) {
        for key in 0..count {
            self.put(node, key % 5);
        }
    }

    /// Nothing goes from one to the other until it is calmed.
    pub(super) fn cut_from(&mut self, from: Address, to: Address) -> u64 {
        self.network.disturb(Disturbance::Cut(vec![(from, to)]))
    }

    /// Starts a node that is down.
    pub(super) fn start(&mut self, node: usize, absent: Option<usize>) {
        self.start_node(node, absent);
    }

    /// Until everything is as it should be.
    pub(super) fn until_well(&mut self) -> bool {
        self.until(Self::all_is_well)
    }
}
