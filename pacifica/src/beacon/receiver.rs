//! The side of the secondaries: remembers the other node's roster and grants, entry by entry.

use std::collections::BTreeMap;

use common::types::{Ballot, Beacon, BeaconAnswer, Gpid, ProcessId};

/// What one other node said it leads.
#[derive(Debug, Default)]
pub struct BeaconReceiver {
    process: Option<ProcessId>,
    sequence: u64,
    version: u64,
    roster: BTreeMap<Gpid, Ballot>,
}

impl BeaconReceiver {
    /// Answers a beacon. `grants` asks the replicas; `own` is this process. The second result is what was granted: for
    /// each the silence of its primary begins anew, whether or not the answer arrives.
    ///
    /// A beacon not addressed to this process, or older than one already seen, grants nothing.
    pub fn receive(
        &mut self,
        beacon: &Beacon,
        mut grants: impl FnMut(Gpid, Ballot) -> bool,
        own: ProcessId,
    ) -> (BeaconAnswer, Vec<Gpid>) {
        let known = beacon.to_process == Some(own) && self.merge(beacon);
        if !known {
            return (Self::answer(beacon, own, true, Vec::new()), Vec::new());
        }
        let (mut granted, mut refused) = (Vec::new(), Vec::new());
        for (gpid, ballot) in &self.roster {
            if grants(*gpid, *ballot) { granted.push(*gpid) } else { refused.push(*gpid) }
        }
        (Self::answer(beacon, own, false, refused), granted)
    }

    fn answer(beacon: &Beacon, own: ProcessId, need_whole_roster: bool, refused: Vec<Gpid>) -> BeaconAnswer {
        BeaconAnswer { process: own, sequence: beacon.sequence, need_whole_roster, refused }
    }

    /// Takes the roster over; whether it is complete and not older than what is known.
    fn merge(&mut self, beacon: &Beacon) -> bool {
        let same = self.process == Some(beacon.process);
        if same && beacon.sequence <= self.sequence {
            return false;
        }
        match beacon.based_on {
            None => self.roster.clear(),
            Some(version) if same && version == self.version => {}
            Some(version) if same && beacon.roster_version == self.version && version < self.version => {}
            Some(_) => return false,
        }
        self.process = Some(beacon.process);
        self.sequence = beacon.sequence;
        self.version = beacon.roster_version;
        for gpid in &beacon.removed {
            self.roster.remove(gpid);
        }
        self.roster.extend(beacon.changed.iter().copied());
        true
    }
}
