//! The side of the primaries: says which partitions it leads, and learns which leases it was granted.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use common::types::{Ballot, Beacon, BeaconAnswer, Gpid, ProcessId, Time};

/// Beacons whose answer may still count; older ones have outlived any lease.
const UNANSWERED_MAX: usize = 16;

/// A beacon under way.
#[derive(Debug)]
struct Sent {
    sequence: u64,
    roster_version: u64,
    at: Time,
    roster: Arc<BTreeMap<Gpid, Ballot>>,
}

/// Beacons to one other node.
#[derive(Debug)]
pub struct BeaconSender {
    process: ProcessId,
    interval: Duration,
    /// The other side's process, once it answered.
    to_process: Option<ProcessId>,
    sequence: u64,
    version: u64,
    roster: Arc<BTreeMap<Gpid, Ballot>>,
    /// The roster that the other side is known to have.
    acknowledged: Option<(u64, Arc<BTreeMap<Gpid, Ballot>>)>,
    unanswered: VecDeque<Sent>,
    next_at: Time,
}

impl BeaconSender {
    /// A sender of this process, to a node of which nothing is known.
    #[must_use]
    pub fn new(process: ProcessId, interval: Duration) -> Self {
        Self {
            process,
            interval,
            to_process: None,
            sequence: 0,
            version: 0,
            roster: Arc::default(),
            acknowledged: None,
            unanswered: VecDeque::new(),
            next_at: Time(0),
        }
    }

    /// A beacon, if one is due: once an interval, and at once when the roster changed. None while there is nothing to
    /// say. Times are the sending node's own.
    pub fn tick(&mut self, now: Time, roster: &BTreeMap<Gpid, Ballot>) -> Option<Beacon> {
        if *roster != *self.roster {
            self.version += 1;
            self.roster = Arc::new(roster.clone());
            self.next_at = now;
        }
        let told = self.acknowledged.as_ref().is_none_or(|(_, known)| known.is_empty());
        if now < self.next_at || (self.roster.is_empty() && told) {
            return None;
        }
        self.next_at = now + self.interval;
        self.sequence += 1;
        self.remember(now);
        Some(self.beacon())
    }

    /// The next beacon is due now: somebody is known to be ready to grant what it refused.
    pub const fn hasten(&mut self) {
        self.next_at = Time(0);
    }

    fn remember(&mut self, at: Time) {
        if self.unanswered.len() == UNANSWERED_MAX {
            self.unanswered.pop_front();
        }
        let (sequence, roster_version) = (self.sequence, self.version);
        self.unanswered.push_back(Sent { sequence, roster_version, at, roster: self.roster.clone() });
    }

    fn beacon(&self) -> Beacon {
        let empty = BTreeMap::new();
        let known = self.acknowledged.as_ref().map_or(&empty, |(_, known)| known.as_ref());
        let changed = self.roster.iter().filter(|(gpid, ballot)| known.get(gpid) != Some(ballot));
        let removed = known.keys().filter(|gpid| !self.roster.contains_key(gpid));
        Beacon {
            process: self.process,
            to_process: self.to_process,
            sequence: self.sequence,
            roster_version: self.version,
            based_on: self.acknowledged.as_ref().map(|(version, _)| *version),
            changed: changed.map(|(gpid, ballot)| (*gpid, *ballot)).collect(),
            removed: removed.copied().collect(),
        }
    }

    /// An answer. Returns what it grants: partition, the ballot that the beacon carried, and when that was *sent*.
    ///
    /// The first answer of a process only makes it known: the beacon was not addressed to it (an answer to an earlier
    /// process never counts).
    pub fn answered(&mut self, answer: &BeaconAnswer) -> Vec<(Gpid, Ballot, Time)> {
        let Some(place) = self.unanswered.iter().position(|sent| sent.sequence == answer.sequence) else {
            return Vec::new();
        };
        if self.to_process != Some(answer.process) {
            self.meet(answer.process);
            return Vec::new();
        }
        let Some(sent) = self.unanswered.remove(place) else { return Vec::new() };
        self.unanswered.drain(..place);
        if answer.need_whole_roster {
            self.acknowledged = None;
            self.next_at = Time(0);
            return Vec::new();
        }
        let refused: BTreeSet<Gpid> = answer.refused.iter().copied().collect();
        let granted = sent.roster.iter().filter(|(gpid, _)| !refused.contains(gpid));
        let granted = granted.map(|(gpid, ballot)| (*gpid, *ballot, sent.at)).collect();
        self.acknowledged = Some((sent.roster_version, sent.roster));
        granted
    }

    /// Another process answers from now on: it knows no roster, and says nothing about beacons sent before.
    fn meet(&mut self, process: ProcessId) {
        self.to_process = Some(process);
        self.acknowledged = None;
        self.unanswered.clear();
        self.next_at = Time(0);
    }
}
