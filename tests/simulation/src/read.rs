//! Reads: the lease is checked, the storage is read, the lease is checked again (rule LEASES). Time passes in between,
//! and the process may be stopped in between.

use common::types::{Gpid, Time};
use rand::Rng;

use crate::happening::{Address, Body, Happening, Reply};
use crate::history::OpId;
use crate::world::World;

/// A read on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Read {
    client: Address,
    op: OpId,
    gpid: Gpid,
    key: u16,
    /// What the storage said, once it was asked.
    value: Option<Option<u64>>,
}

impl World {
    /// A read arrives: first check. The process may have been stopped between its look at the clock and the check, so
    /// this one may rest on an old time; that is why there is a second.
    pub(crate) fn begin_read(&mut self, at: usize, client: Address, op: OpId, gpid: Gpid, key: u16) {
        let looked = self.nodes.get(at).map_or(Time(0), |node| node.last_tick);
        if !self.gate_is_open(at, gpid, looked) {
            return self.refuse_read(at, client, op, gpid);
        }
        let serial = self.serial();
        if let Some(node) = self.nodes.get_mut(at) {
            node.reads.insert(serial, Read { client, op, gpid, key, value: None });
            // The fault that a pause falls between the checks.
            if let Some(pause) = std::mem::take(&mut node.pause_in_read) {
                let until = self.now + pause;
                self.pause_until(at, until);
            }
        }
        self.read_later(at, serial);
    }

    /// The storage is read, then comes the second check and the answer.
    pub(crate) fn read_goes_on(&mut self, at: usize, serial: u64) {
        let Some(node) = self.nodes.get_mut(at) else { return };
        let Some(mut read) = node.reads.remove(&serial) else { return };
        let Some(value) = read.value else {
            let Some(runtime) = node.runtimes.get(&read.gpid) else {
                return self.refuse_read(at, read.client, read.op, read.gpid);
            };
            read.value = Some(runtime.storage.map.get(&read.key).copied());
            node.reads.insert(serial, read);
            return self.read_later(at, serial);
        };
        let now = node.clock.now(self.now).mono;
        if !self.faults.read_without_second_check && !self.gate_is_open(at, read.gpid, now) {
            return self.refuse_read(at, read.client, read.op, read.gpid);
        }
        self.send(Address::Node(at), read.client, Body::Reply { op: read.op, reply: Reply::Value(value) });
    }

    fn read_later(&mut self, at: usize, read: u64) {
        let run = self.nodes.get(at).map_or(0, |node| node.run);
        let slow = self.rng.random_ratio(1, 20);
        let takes = self.rng.random_range(3..if slow { 20_000 } else { 300 });
        self.queue.push(self.now + takes, Happening::ReadGoesOn { node: at, run, read });
    }

    fn gate_is_open(&self, at: usize, gpid: Gpid, now: Time) -> bool {
        let Some(node) = self.nodes.get(at) else { return false };
        let until = node.runtimes.get(&gpid).and_then(|runtime| runtime.core.read_until());
        until.is_some_and(|until| now < until)
    }

    fn refuse_read(&mut self, at: usize, client: Address, op: OpId, gpid: Gpid) {
        let core = self.nodes.get(at).and_then(|node| node.runtimes.get(&gpid)).map(|runtime| &runtime.core);
        let primary = core.and_then(|core| core.config()).and_then(|config| config.primary);
        let hint = primary.and_then(|primary| usize::try_from(primary.peer.0).ok());
        self.send(Address::Node(at), client, Body::Reply { op, reply: Reply::Refused(hint) });
    }
}
