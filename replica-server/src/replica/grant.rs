//! What a replica grants to a primary's beacons, and when it last did.
//!
//! Beacons are answered outside the replica's task, at once for all partitions of a node. The task holds this cell
//! locked through each step, so no grant can fall between a step that reads the last answer and the role that the step
//! may give: a new primary's wait always counts from the true last answer (rule TAKE-OVER).

use common::types::{Ballot, PeerId, Time};
use parking_lot::{Mutex, MutexGuard};

/// Shared by a replica's task and the beacon receiver.
#[derive(Debug, Default)]
pub(crate) struct GrantCell(Mutex<Grants>);

/// The content of the cell.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    /// The one (primary, ballot) that is granted.
    pub(crate) to: Option<(PeerId, Ballot)>,
    last: Option<(PeerId, Time)>,
}

impl GrantCell {
    /// Answers an entry of a beacon.
    pub(crate) fn answer(&self, primary: PeerId, ballot: Ballot, now: Time) -> bool {
        let mut grants = self.0.lock();
        let granted = grants.to == Some((primary, ballot));
        if granted {
            grants.last = Some((primary, now));
        }
        granted
    }

    /// For a step of the task.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Grants> {
        self.0.lock()
    }
}

impl Grants {
    /// The last answer that the core was not told of.
    pub(crate) fn take_last(&mut self) -> Option<(PeerId, Time)> {
        self.last.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_primary_of_the_ballot_is_granted_and_only_grants_are_remembered() {
        let cell = GrantCell::default();
        cell.lock().to = Some((PeerId(1), Ballot(5)));
        assert!(!cell.answer(PeerId(1), Ballot(4), Time(7)) && !cell.answer(PeerId(2), Ballot(5), Time(8)));
        assert_eq!(cell.lock().take_last(), None);
        assert!(cell.answer(PeerId(1), Ballot(5), Time(9)));
        assert_eq!(cell.lock().take_last(), Some((PeerId(1), Time(9))));
    }
}
