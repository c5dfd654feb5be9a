//! Where each replica's records are: (gpid, incarnation) -> decree -> place. Kept in memory, rebuilt on open.
//!
//! It follows rule OPENING as `replica_state::replay` does: of one decree the record of the highest ballot is live, and
//! an opening voids records of ballots below the one that opened, past what it carries, wherever in the log they stand.

use std::collections::BTreeMap;

use common::types::{Ballot, Decree, Gpid, Incarnation};

/// One copy of a partition.
pub type ReplicaKey = (Gpid, Incarnation);

/// Where a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub segment: u64,
    pub offset: u32,
    /// With header and padding.
    pub bytes: u32,
    pub ballot: Ballot,
}

/// What the index must know of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub replica: ReplicaKey,
    pub decree: Decree,
    pub committed: Decree,
    /// Of an opening, the decree that it carries and the ballot that opened.
    pub opening: Option<(Decree, Ballot)>,
    pub place: Place,
}

/// One replica's records.
#[derive(Clone, Debug, Default)]
pub(super) struct ReplicaIndex {
    pub live: BTreeMap<Decree, Place>,
    /// Superseded or voided; replay is shown them too, so that it judges by itself.
    pub void: Vec<(Decree, Place)>,
    /// By the ballot that opened: what the opening carries.
    pub openings: BTreeMap<Ballot, Decree>,
    pub committed: Decree,
    pub highest_ballot: Ballot,
}

/// What one replica has in one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    pub bytes: u64,
    pub first: Decree,
    pub last: Decree,
}

/// All replicas' records.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    pub replicas: BTreeMap<ReplicaKey, ReplicaIndex>,
    pub segments: BTreeMap<u64, BTreeMap<ReplicaKey, Share>>,
}

impl Index {
    pub(super) fn insert(&mut self, entry: &Entry) {
        let share = self.segments.entry(entry.place.segment).or_default().entry(entry.replica);
        let share = share.or_insert(Share { bytes: 0, first: entry.decree, last: entry.decree });
        share.bytes += u64::from(entry.place.bytes);
        share.first = share.first.min(entry.decree);
        share.last = share.last.max(entry.decree);
        self.replicas.entry(entry.replica).or_default().insert(entry);
    }

    /// Forgets a segment that is removed.
    pub(super) fn remove_segment(&mut self, segment: u64) {
        for (key, share) in self.segments.remove(&segment).unwrap_or_default() {
            let Some(replica) = self.replicas.get_mut(&key) else { continue };
            replica.remove(segment, share);
            if replica.live.is_empty() && replica.void.is_empty() {
                self.replicas.remove(&key);
            }
        }
    }

    /// Whether a segment holds a live record of the replica past `after`.
    pub(super) fn needs(&self, segment: u64, key: ReplicaKey, after: Decree) -> Option<Decree> {
        let share = self.segments.get(&segment)?.get(&key)?;
        if share.last <= after {
            return None;
        }
        let live = self.replicas.get(&key)?.live.range(after.next()..=share.last);
        live.rev().find(|(_, place)| place.segment == segment).map(|(decree, _)| *decree)
    }
}

impl ReplicaIndex {
    fn insert(&mut self, entry: &Entry) {
        let (decree, place) = (entry.decree, entry.place);
        self.committed = self.committed.max(entry.committed);
        self.highest_ballot = self.highest_ballot.max(place.ballot);
        if let Some((after, by)) = entry.opening {
            self.open(by, after);
        }
        let voided = self.openings.iter().any(|(by, after)| *by > place.ballot && *after < decree);
        let newer = self.live.get(&decree).is_some_and(|there| there.ballot > place.ballot);
        if voided || newer {
            self.void.push((decree, place));
        } else if let Some(old) = self.live.insert(decree, place) {
            self.void.push((decree, old));
        }
    }

    fn open(&mut self, by: Ballot, after: Decree) {
        self.openings.insert(by, after);
        let past: Vec<_> = self.live.range(after.next()..).map(|(decree, place)| (*decree, *place)).collect();
        for (decree, place) in past.into_iter().filter(|(_, place)| place.ballot < by) {
            self.live.remove(&decree);
            self.void.push((decree, place));
        }
    }

    fn remove(&mut self, segment: u64, share: Share) {
        let live = self.live.range(share.first..=share.last);
        let gone: Vec<_> = live.filter(|(_, place)| place.segment == segment).map(|(decree, _)| *decree).collect();
        for decree in gone {
            self.live.remove(&decree);
        }
        self.void.retain(|(_, place)| place.segment != segment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(decree: u64, ballot: u64, segment: u64, opening: Option<u64>) -> Entry {
        let place = Place { segment, offset: 64, bytes: 100, ballot: Ballot(ballot) };
        let replica = (Gpid::new(1, 0), Incarnation(1));
        Entry {
            replica,
            decree: Decree(decree),
            committed: Decree(0),
            opening: opening.map(|after| (Decree(after), Ballot(ballot))),
            place,
        }
    }

    fn live(index: &Index) -> Vec<(u64, u64)> {
        index.replicas.values().flat_map(|r| r.live.iter().map(|(d, p)| (d.0, p.ballot.0))).collect()
    }

    #[test]
    fn an_opening_voids_older_records_past_what_it_carries_even_those_logged_after_it() {
        let mut index = Index::default();
        for e in [entry(5, 1, 1, None), entry(6, 1, 1, None), entry(7, 1, 1, None), entry(6, 2, 1, Some(5))] {
            index.insert(&e);
        }
        assert_eq!(live(&index), vec![(5, 1), (6, 2)]);
        index.insert(&entry(7, 1, 2, None));
        assert_eq!(live(&index), vec![(5, 1), (6, 2)]);
        index.insert(&entry(7, 2, 2, None));
        assert_eq!(live(&index), vec![(5, 1), (6, 2), (7, 2)]);
    }

    #[test]
    fn a_removed_segment_takes_its_records_along_and_no_others() {
        let mut index = Index::default();
        for e in [entry(1, 1, 1, None), entry(2, 1, 1, None), entry(2, 2, 2, None), entry(3, 2, 2, None)] {
            index.insert(&e);
        }
        let key = (Gpid::new(1, 0), Incarnation(1));
        assert_eq!(index.needs(1, key, Decree(0)), Some(Decree(1)));
        assert_eq!(index.needs(1, key, Decree(1)), None, "decree 2 lives in the second segment");
        index.remove_segment(1);
        assert_eq!(live(&index), vec![(2, 2), (3, 2)]);
        index.remove_segment(2);
        assert!(index.replicas.is_empty());
    }
}
