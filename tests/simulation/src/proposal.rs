//! Changes asked of the meta server: repeated until their outcome is known (rule UNION).

use std::sync::Arc;

use common::types::{Ballot, ConfigChange, Gpid, PartitionConfig, ProcessId};
use pacifica::{Event, RequestId};

use crate::happening::{Address, Body, ChangeRequest, Requested};
use crate::world::World;

/// Ticks between two requests for the same change.
const TICKS_OF_A_RETRY: u64 = 6;

/// A change whose outcome is not known.
#[derive(Clone, Debug)]
pub(crate) struct Proposal {
    expected: Ballot,
    change: ConfigChange,
    asked: u64,
}

impl World {
    /// The core proposes a change.
    pub(crate) fn propose(
        &mut self,
        at: usize,
        gpid: Gpid,
        request: RequestId,
        expected: Ballot,
        change: ConfigChange,
    ) {
        let Some(runtime) = self.runtime(at, gpid) else { return };
        let requested = Requested::Core(runtime.opened, request);
        self.ask_meta(at, gpid, requested, expected, change);
    }

    /// Asks for a change and remembers to ask again.
    pub(crate) fn ask_meta(
        &mut self,
        at: usize,
        gpid: Gpid,
        requested: Requested,
        expected: Ballot,
        change: ConfigChange,
    ) {
        if let Some(node) = self.nodes.get_mut(at) {
            let proposal = Proposal { expected, change, asked: node.ticks };
            node.proposals.insert((gpid, requested), proposal);
        }
        self.send_change(at, gpid, requested);
    }

    /// Asks again for what has no outcome yet.
    pub(crate) fn repeat_proposals(&mut self, at: usize) {
        let Some(node) = self.nodes.get_mut(at) else { return };
        let mut due = Vec::new();
        for (key, proposal) in &mut node.proposals {
            if node.ticks >= proposal.asked + TICKS_OF_A_RETRY {
                proposal.asked = node.ticks;
                due.push(*key);
            }
        }
        for (gpid, requested) in due {
            self.send_change(at, gpid, requested);
        }
    }

    fn send_change(&mut self, at: usize, gpid: Gpid, request: Requested) {
        let Some(node) = self.nodes.get(at) else { return };
        let Some(proposal) = node.proposals.get(&(gpid, request)) else { return };
        let (expected, change) = (proposal.expected, proposal.change.clone());
        let body = ChangeRequest { process: node.process, peer: node.peer(), gpid, request, expected, change };
        self.send(Address::Node(at), Address::Meta, Body::Change(body));
    }

    /// The meta server knows the outcome.
    pub(crate) fn change_answered(
        &mut self,
        at: usize,
        process: ProcessId,
        gpid: Gpid,
        requested: Requested,
        config: Arc<PartitionConfig>,
        refused: bool,
    ) {
        let Some(node) = self.nodes.get_mut(at) else { return };
        if node.process != process || node.proposals.remove(&(gpid, requested)).is_none() {
            return;
        }
        match requested {
            Requested::Core(opened, request) => {
                let outcome = (!refused).then(|| config.clone());
                if self.runtime(at, gpid).is_some_and(|runtime| runtime.opened == opened) {
                    self.drive(at, gpid, Event::ChangeAnswered { request, config: outcome });
                }
            }
            Requested::Move => self.move_answered(at, gpid, refused),
        }
        self.config_arrives(at, config);
    }
}
