//! Clients: one operation at a time each, sent to whom they believe to be primary, given up after a while.

use std::collections::BTreeMap;

use common::types::Gpid;
use rand::Rng;

use crate::happening::{Address, Body, Happening, OpKind, Reply};
use crate::history::OpId;
use crate::world::World;

/// How long a client waits for a read, in microseconds: long enough to hear a stale answer of a primary that was stopped.
const PATIENCE_OF_READS: u64 = 4_000_000;
/// How long a client waits for a write, in microseconds.
const PATIENCE_OF_WRITES: u64 = 800_000;
/// So many operations go to a few keys of a partition, then the next few are taken.
const OPERATIONS_OF_A_WINDOW: u16 = 60;
/// Keys in use at a time.
const KEYS_OF_A_WINDOW: u16 = 3;

/// One client.
#[derive(Debug, Default)]
pub(crate) struct Client {
    busy: Option<OpId>,
    routes: BTreeMap<Gpid, usize>,
    /// What it last saw under a key: the expectation of its next compare-and-set.
    seen: BTreeMap<(Gpid, u16), Option<u64>>,
}

/// How many operations a partition has had: which keys are in use.
#[derive(Debug, Default)]
pub(crate) struct Keys(BTreeMap<Gpid, u16>);

impl Keys {
    /// A key of the present window.
    fn next(&mut self, gpid: Gpid, draw: u16) -> u16 {
        let count = self.0.entry(gpid).or_default();
        *count += 1;
        *count / OPERATIONS_OF_A_WINDOW * KEYS_OF_A_WINDOW + draw % KEYS_OF_A_WINDOW
    }

    /// All keys that were ever used.
    pub(crate) fn used(&self, gpid: Gpid) -> std::ops::Range<u16> {
        let count = self.0.get(&gpid).copied().unwrap_or_default();
        0..(count / OPERATIONS_OF_A_WINDOW + 1) * KEYS_OF_A_WINDOW
    }
}

impl World {
    /// A random idle client begins a random operation.
    pub(crate) fn client_acts(&mut self) {
        let client = self.rng.random_range(0..self.clients.len());
        let gpid = self.random_gpid();
        if self.clients.get(client).is_none_or(|c| c.busy.is_some()) {
            return;
        }
        let key = self.keys.next(gpid, self.rng.random());
        let kind = match self.rng.random_range(0..100) {
            0..40 => OpKind::Get { key },
            40..75 => OpKind::Put { key, value: self.fresh_value() },
            _ => OpKind::CompareAndSet { key, expect: self.expectation(client, gpid, key), value: self.fresh_value() },
        };
        self.call(client, gpid, kind);
    }

    /// Sends an operation.
    pub(crate) fn call(&mut self, client: usize, gpid: Gpid, kind: OpKind) -> OpId {
        let target = self.route(client, gpid);
        let op = self.history.call(gpid, kind);
        self.trace.mark((1, client, gpid, kind, target));
        self.trace.say(self.now, || format!("client {client} -> node {target}: {gpid} {kind:?} as {op:?}"));
        if let Some(client) = self.clients.get_mut(client) {
            client.busy = Some(op);
        }
        self.send(Address::Client(client), Address::Node(target), Body::Request { op, gpid, kind });
        let patience = if matches!(kind, OpKind::Get { .. }) { PATIENCE_OF_READS } else { PATIENCE_OF_WRITES };
        self.queue.push(self.now + patience, Happening::ClientTimeout { client, op });
        op
    }

    /// An answer arrives.
    pub(crate) fn client_hears(&mut self, index: usize, op: OpId, reply: Reply) {
        let Some(client) = self.clients.get_mut(index) else { return };
        if client.busy != Some(op) {
            return;
        }
        client.busy = None;
        self.trace.mark((2, index, op, reply));
        self.trace.say(self.now, || format!("client {index} <- {op:?}: {reply:?}"));
        self.history.end(op, reply);
        let Some(operation) = self.history.operations().get(op.0).copied() else { return };
        let at = (operation.gpid, operation.kind.key());
        match (reply, operation.kind) {
            (Reply::Value(value), _) => drop(client.seen.insert(at, value)),
            (Reply::Written, OpKind::Put { value, .. } | OpKind::CompareAndSet { value, .. }) => {
                client.seen.insert(at, Some(value));
            }
            (Reply::Refused(Some(hint)), _) => drop(client.routes.insert(operation.gpid, hint)),
            (Reply::Refused(None) | Reply::Unknown, _) => drop(client.routes.remove(&operation.gpid)),
            (Reply::Written, OpKind::Get { .. }) => {}
        }
    }

    /// It waited long enough: the outcome is unknown to it.
    pub(crate) fn client_gives_up(&mut self, index: usize, op: OpId) {
        let Some(client) = self.clients.get_mut(index) else { return };
        if client.busy != Some(op) {
            return;
        }
        client.busy = None;
        self.trace.say(self.now, || format!("client {index} gives {op:?} up"));
        if let Some(operation) = self.history.operations().get(op.0) {
            client.routes.remove(&operation.gpid);
        }
    }

    /// Tells a client where to go.
    pub(crate) fn set_route(&mut self, client: usize, gpid: Gpid, node: usize) {
        if let Some(client) = self.clients.get_mut(client) {
            client.routes.insert(gpid, node);
        }
    }

    /// Whether a client waits for an answer.
    pub(crate) fn client_is_busy(&self, client: usize) -> bool {
        self.clients.get(client).is_some_and(|client| client.busy.is_some())
    }

    /// A client learns who is primary from the meta server if it can, else it guesses.
    fn route(&mut self, client: usize, gpid: Gpid) -> usize {
        if let Some(known) = self.clients.get(client).and_then(|c| c.routes.get(&gpid)) {
            return *known;
        }
        let asked = self.meta.config(gpid).and_then(|config| config.primary).filter(|_| self.meta.up);
        let target = match asked {
            Some(primary) => usize::try_from(primary.peer.0).unwrap_or_default(),
            None => self.rng.random_range(0..self.nodes.len()),
        };
        if let Some(client) = self.clients.get_mut(client) {
            client.routes.insert(gpid, target);
        }
        target
    }

    fn expectation(&mut self, client: usize, gpid: Gpid, key: u16) -> Option<u64> {
        let clients = self.clients.len();
        let of = if self.rng.random_bool(0.5) { client } else { self.rng.random_range(0..clients) };
        self.clients.get(of).and_then(|client| client.seen.get(&(gpid, key)).copied()).flatten()
    }

    pub(crate) fn fresh_value(&mut self) -> u64 {
        self.values += 1;
        self.values
    }
}
