//! The prepare list: mutations by decree, prepared ones that wait for their commit and committed ones kept for learners.
//!
//! A deque indexed by decree. A learner's list may have holes, and may begin above its committed decree: what lies
//! between comes by learning.

use std::collections::VecDeque;
use std::sync::Arc;

use common::types::{Ballot, Decree, Mutation};

use crate::event::Token;

/// A hole longer than this is not bridged: what lies beyond is dropped and sent, or learned, again.
const HOLE_DECREES_MAX: u64 = 65_536;

/// No history gets here; a decree past it is nonsense, and sums of smaller ones do not overflow.
const DECREE_MAX: u64 = u64::MAX / 2;

/// A prepared mutation and the clients that wait for it.
#[derive(Debug)]
pub(crate) struct Slot {
    /// What is prepared.
    pub(crate) mutation: Arc<Mutation>,
    /// Whose writes it carries; empty on all but the primary that took them.
    pub(crate) tokens: Vec<Token>,
}

/// Mutations by decree.
#[derive(Debug, Default)]
pub(crate) struct PrepareList {
    /// Decree of the first slot.
    first: u64,
    slots: VecDeque<Option<Slot>>,
    bytes: usize,
}

impl PrepareList {
    /// The last decree held, holes below it or not; `Decree(0)` if nothing is.
    pub(crate) fn last(&self) -> Decree {
        if self.slots.is_empty() { Decree(0) } else { Decree(self.first + self.slots.len() as u64 - 1) }
    }

    /// Bytes held.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// What is held at a decree.
    pub(crate) fn get(&self, decree: Decree) -> Option<&Arc<Mutation>> {
        self.slots.get(self.index(decree)?)?.as_ref().map(|slot| &slot.mutation)
    }

    /// Takes the waiting clients of a decree.
    pub(crate) fn take_tokens(&mut self, decree: Decree) -> Vec<Token> {
        let slot = self.index(decree).and_then(|i| self.slots.get_mut(i)).and_then(Option::as_mut);
        slot.map(|slot| std::mem::take(&mut slot.tokens)).unwrap_or_default()
    }

    /// How many clients wait for decrees after `after`.
    pub(crate) fn tokens_after(&self, after: Decree) -> usize {
        let skip = self.offset_after(after);
        self.slots.iter().skip(skip).flatten().map(|slot| slot.tokens.len()).sum()
    }

    /// Whether a record of this decree could be held: not below the list, nor beyond too long a hole.
    pub(crate) fn reaches(&self, decree: Decree) -> bool {
        let (first, last) = (self.first, self.last().0);
        let near = |from: u64, to: u64| to.saturating_sub(from) <= HOLE_DECREES_MAX;
        decree.0 <= DECREE_MAX && (self.slots.is_empty() || (near(last, decree.0) && near(decree.0, first)))
    }

    /// Holds a mutation, in place of what was there. Clients that wait for the decree go on waiting.
    pub(crate) fn put(&mut self, mutation: Arc<Mutation>, tokens: Vec<Token>) {
        let decree = mutation.decree;
        debug_assert!(self.reaches(decree));
        if self.slots.is_empty() {
            self.first = decree.0;
        }
        while decree.0 < self.first {
            self.slots.push_front(None);
            self.first -= 1;
        }
        while self.last() < decree || self.slots.is_empty() {
            self.slots.push_back(None);
        }
        self.bytes += mutation.size();
        let Some(slot) = self.index(decree).and_then(|i| self.slots.get_mut(i)) else { return };
        match slot {
            Some(old) => {
                self.bytes -= old.mutation.size();
                old.mutation = mutation;
                old.tokens.extend(tokens);
            }
            None => *slot = Some(Slot { mutation, tokens }),
        }
    }

    /// The last decree that is reached from `from` without a hole (`from` itself if the next is missing).
    pub(crate) fn gapless(&self, from: Decree) -> Decree {
        let held = self.slots_from(from.next()).take_while(|slot| slot.is_some()).count();
        Decree(from.0 + held as u64)
    }

    /// The mutations from `from` on, up to the first hole.
    pub(crate) fn run(&self, from: Decree) -> impl Iterator<Item = &Arc<Mutation>> {
        self.slots_from(from).map_while(Option::as_ref).map(|slot| &slot.mutation)
    }

    /// Voids what is past `after` and of a ballot below `ballot`; whether there was any (rule OPENING).
    pub(crate) fn void(&mut self, after: Decree, ballot: Ballot) -> bool {
        let skip = self.offset_after(after);
        let mut any = false;
        for slot in self.slots.iter_mut().skip(skip) {
            if slot.as_ref().is_some_and(|s| s.mutation.ballot < ballot)
                && let Some(gone) = slot.take()
            {
                assert!(
                    gone.tokens.is_empty(),
                    "a record with waiting clients is voided at decree {}",
                    gone.mutation.decree
                );
                self.bytes -= gone.mutation.size();
                any = true;
            }
        }
        while self.slots.back().is_some_and(Option::is_none) {
            self.slots.pop_back();
        }
        any
    }

    /// Forgets everything up to and including `decree`.
    pub(crate) fn forget_through(&mut self, decree: Decree) {
        while self.first <= decree.0 && self.pop_front() {}
        self.trim_front();
    }

    /// Forgets the oldest while there are more than `bytes_max` bytes, but nothing past `through`.
    pub(crate) fn evict(&mut self, through: Decree, bytes_max: usize) {
        while self.bytes > bytes_max && self.first <= through.0 && self.pop_front() {}
        self.trim_front();
    }

    fn pop_front(&mut self) -> bool {
        let Some(slot) = self.slots.pop_front() else { return false };
        self.first += 1;
        if let Some(gone) = slot {
            assert!(
                gone.tokens.is_empty(),
                "a record with waiting clients is forgotten at decree {}",
                gone.mutation.decree
            );
            self.bytes -= gone.mutation.size();
        }
        true
    }

    /// Keeps a hole from standing at the front, where it would make a long list of nothing.
    fn trim_front(&mut self) {
        while self.slots.front().is_some_and(Option::is_none) {
            self.slots.pop_front();
            self.first += 1;
        }
    }

    fn index(&self, decree: Decree) -> Option<usize> {
        usize::try_from(decree.0.checked_sub(self.first)?).ok()
    }

    fn offset_after(&self, after: Decree) -> usize {
        usize::try_from(after.next().0.saturating_sub(self.first)).unwrap_or(usize::MAX)
    }

    fn slots_from(&self, from: Decree) -> impl Iterator<Item = &Option<Slot>> {
        let (skip, take) = self.index(from).map_or((0, 0), |skip| (skip, usize::MAX));
        self.slots.iter().skip(skip).take(take)
    }
}

#[cfg(test)]
mod tests {
    use common::types::{Body, Writes};

    use super::*;

    fn mutation(ballot: u64, decree: u64) -> Arc<Mutation> {
        let body = Body::Writes(Writes::default());
        Arc::new(Mutation { ballot: Ballot(ballot), decree: Decree(decree), time_ms: 0, body })
    }

    fn list(decrees: &[u64]) -> PrepareList {
        let mut list = PrepareList::default();
        for decree in decrees {
            list.put(mutation(1, *decree), Vec::new());
        }
        list
    }

    #[test]
    fn a_hole_ends_what_is_gapless() {
        let list = list(&[5, 6, 8]);
        assert_eq!(list.gapless(Decree(4)), Decree(6));
        assert_eq!(list.gapless(Decree(6)), Decree(6));
        assert_eq!(list.gapless(Decree(2)), Decree(2));
        assert_eq!(list.gapless(Decree(20)), Decree(20));
        assert_eq!(list.last(), Decree(8));
    }

    #[test]
    fn records_that_arrive_out_of_order_fill_the_hole() {
        let list = list(&[9, 8, 5, 6, 7]);
        assert_eq!(list.gapless(Decree(4)), Decree(9));
        assert_eq!(list.run(Decree(7)).count(), 3);
    }

    #[test]
    fn voiding_spares_records_of_the_present_ballot_and_below() {
        let mut list = list(&[1, 2, 3]);
        list.put(mutation(2, 4), Vec::new());
        list.put(mutation(1, 5), Vec::new());
        assert!(list.void(Decree(2), Ballot(2)));
        assert_eq!(list.last(), Decree(4));
        assert_eq!(list.gapless(Decree(0)), Decree(2));
        assert!(!list.void(Decree(2), Ballot(2)));
    }

    #[test]
    fn eviction_keeps_what_is_not_yet_committed() {
        let mut list = list(&[1, 2, 3]);
        list.evict(Decree(2), 0);
        assert_eq!(list.gapless(Decree(2)), Decree(3));
        list.forget_through(Decree(9));
        assert_eq!((list.last(), list.bytes()), (Decree(0), 0));
    }

    #[test]
    fn a_decree_far_away_is_not_reached() {
        let list = list(&[1]);
        assert!(!list.reaches(Decree(u64::MAX)));
        assert!(list.reaches(Decree(1000)));
        assert!(PrepareList::default().reaches(Decree(1 << 40)));
        assert!(!PrepareList::default().reaches(Decree(u64::MAX)));
    }
}
