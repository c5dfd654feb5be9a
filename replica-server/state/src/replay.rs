//! Which log frames belong to a replica's tail (rules LOG, OPENING, INCARNATION).
//!
//! ```text
//! frames of the disk's log, in order ──> own incarnation? ──> voided by an opening? ──> newest ballot of each decree
//!                                                                                            │ finish
//!                                              applied │ committed .. │ prepared, gap-free  <─┘ │ (gap) ignored
//! ```
//!
//! Frames may stand out of order of decree: a learner logs new prepares before it has fetched what it missed.

use std::collections::BTreeMap;
use std::sync::Arc;

use common::types::{Ballot, Body, Decree, Incarnation, Mutation};

/// Collects the tail of one replica from the frames of a log.
#[derive(Debug)]
pub struct Replay {
    incarnation: Incarnation,
    after: Decree,
    committed: Decree,
    highest_ballot: Ballot,
    conflict: Option<(Ballot, Decree)>,
    openings: BTreeMap<Ballot, Decree>,
    records: BTreeMap<Decree, Arc<Mutation>>,
}

/// What the log holds for a replica past what its storage holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    /// In order of decree, without a gap, beginning right after what is applied.
    pub mutations: Vec<Arc<Mutation>>,
    /// The highest decree that is known to be committed and that the replica has; at least what is applied.
    pub committed: Decree,
    /// Ballot of the last of `mutations`; 0 if there is none (then the storage's last record counts).
    pub last_ballot: Ballot,
    /// The highest ballot of any own frame. A replica is never at an older one than it has records of.
    pub highest_ballot: Ballot,
    /// Something own lies past a gap, or is known to be committed and is missing.
    pub gap: bool,
    /// Two own records of this ballot and decree differ, which must not be (rule DECREES): the log is not clean.
    pub conflict: Option<(Ballot, Decree)>,
}

impl Replay {
    /// Begins for a directory's incarnation whose storage has applied (or, if it will be reopened, flushed) `after`.
    #[must_use]
    pub const fn new(incarnation: Incarnation, after: Decree) -> Self {
        Self {
            incarnation,
            after,
            committed: after,
            highest_ballot: Ballot(0),
            conflict: None,
            openings: BTreeMap::new(),
            records: BTreeMap::new(),
        }
    }

    /// Takes the next frame of the log. Frames of other incarnations are not this copy's (rule LOG).
    pub fn frame(&mut self, incarnation: Incarnation, committed: Decree, mutation: Arc<Mutation>) {
        if incarnation != self.incarnation {
            return;
        }
        self.committed = self.committed.max(committed);
        self.highest_ballot = self.highest_ballot.max(mutation.ballot);
        if let Body::Opening { after, by } = mutation.body {
            self.open(by, after);
        }
        if mutation.decree > self.after && !self.is_void(&mutation) {
            self.keep(mutation);
        }
    }

    /// The tail up to the first gap.
    #[must_use]
    pub fn finish(self) -> Tail {
        let mut mutations: Vec<Arc<Mutation>> = Vec::new();
        let mut last = self.after;
        let mut behind_gap = false;
        for (decree, mutation) in self.records {
            if decree != last.next() {
                behind_gap = true;
                break;
            }
            last = decree;
            mutations.push(mutation);
        }
        Tail {
            committed: self.committed.min(last),
            last_ballot: mutations.last().map_or(Ballot(0), |m| m.ballot),
            highest_ballot: self.highest_ballot,
            gap: behind_gap || self.committed > last,
            conflict: self.conflict,
            mutations,
        }
    }

    /// Rule OPENING: records of ballots below `by` past `after` are void, never below what is committed.
    fn open(&mut self, by: Ballot, after: Decree) {
        let floor = after.max(self.committed);
        self.records.retain(|decree, record| *decree <= floor || record.ballot >= by);
        self.openings.insert(by, after);
    }

    /// A copied tail may bring an old record behind the marker that voids it.
    fn is_void(&self, mutation: &Mutation) -> bool {
        let newer = self.openings.range(mutation.ballot.next()..);
        newer.into_iter().any(|(_, after)| mutation.decree > (*after).max(self.committed))
    }

    fn keep(&mut self, mutation: Arc<Mutation>) {
        match self.records.get(&mutation.decree) {
            Some(held) if held.ballot > mutation.ballot => {}
            Some(held) if held.ballot == mutation.ballot && **held != *mutation => {
                self.conflict = Some((mutation.ballot, mutation.decree));
            }
            Some(_) | None => {
                self.records.insert(mutation.decree, mutation);
            }
        }
    }
}

#[cfg(test)]
mod tests;
