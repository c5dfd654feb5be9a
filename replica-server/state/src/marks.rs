//! How fresh a secondary is, told by a question instead of by clocks.
//!
//! ```text
//!  asker    ── asked_at ─────────────────────────── answer ──► noted ── applied >= committed ──► fresh as of asked_at
//!  primary  ───────────── leads, holds its lease: committed ──►
//! ```
//!
//! Whatever was acknowledged before the question left lies at or below the decree of the answer. So a copy that has applied
//! that decree holds all of it, however long the answer took and whatever other clocks say.

use std::time::Duration;

use common::types::{Ballot, Decree, Time};

/// Marks kept: more than are asked for while one of them is fresh.
const KEPT: usize = 8;

/// What a primary answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When the question left, by the asker's clock.
    pub asked_at: Time,
    /// Everything that was acknowledged before is at or below this.
    pub committed: Decree,
    /// The primary's time when it answered, Unix ms: what had expired there by then is not to be told (rule TIME).
    pub time_ms: u64,
}

impl Mark {
    /// Whether a copy that has applied this mark's decree may be read at `now`, if what it tells may lack nothing that is
    /// older than `bound`.
    #[must_use]
    pub fn is_fresh(&self, now: Time, bound: Duration) -> bool {
        now.since(self.asked_at) <= bound
    }

    /// Whether this one is as fresh as the other, and asks no more of a copy.
    fn outdoes(&self, other: &Self) -> bool {
        self.asked_at >= other.asked_at && self.committed <= other.committed
    }
}

/// The marks of one copy, all of one ballot.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    ballot: Ballot,
    /// The oldest question first; their decrees rise too, or one would outdo the other.
    marks: Vec<Mark>,
}

impl Marks {
    /// An answer arrived, in whatever order. Those of an older ballot are forgotten.
    pub fn note(&mut self, ballot: Ballot, mark: Mark) {
        if ballot < self.ballot {
            return;
        }
        if ballot > self.ballot {
            (self.ballot, self.marks) = (ballot, Vec::new());
        }
        if self.marks.iter().any(|held| held.outdoes(&mark)) {
            return;
        }
        self.marks.retain(|held| !mark.outdoes(held));
        if self.marks.len() >= KEPT {
            // The older ones are reached first.
            self.marks.pop();
        }
        let place = self.marks.partition_point(|held| held.asked_at < mark.asked_at);
        self.marks.insert(place, mark);
    }

    /// The freshest mark that a member of this ballot with so much applied has reached.
    pub fn reached(&mut self, ballot: Ballot, applied: Decree) -> Option<Mark> {
        if ballot != self.ballot {
            return None;
        }
        let reached = self.marks.partition_point(|mark| mark.committed <= applied);
        self.marks.drain(..reached.saturating_sub(1));
        self.marks.first().copied().filter(|_| reached > 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const B: Ballot = Ballot(3);
    const BOUND: Duration = Duration::from_millis(10);

    fn mark(asked_at_ms: u64, committed: u64) -> Mark {
        Mark { asked_at: Time(asked_at_ms * 1000), committed: Decree(committed), time_ms: 0 }
    }

    #[test]
    fn a_mark_counts_once_its_decree_is_applied_and_until_the_bound_has_passed() {
        let mut marks = Marks::default();
        marks.note(B, mark(5, 7));
        assert_eq!(marks.reached(B, Decree(6)), None);
        let reached = marks.reached(B, Decree(7)).unwrap();
        assert!(reached.is_fresh(Time(15_000), BOUND));
        assert!(!reached.is_fresh(Time(15_001), BOUND));
    }

    #[test]
    fn a_copy_that_lags_still_reaches_older_marks() {
        let mut marks = Marks::default();
        (1..=100).for_each(|at| marks.note(B, mark(at, at)));
        assert_eq!(marks.reached(B, Decree(1)), Some(mark(1, 1)));
        assert_eq!(marks.reached(B, Decree(100)), Some(mark(100, 100)));
        assert_eq!(marks.reached(B, Decree(99)), None, "older ones are not needed any more");
    }

    #[test]
    fn marks_of_another_ballot_are_not_reached() {
        let mut marks = Marks::default();
        marks.note(B, mark(1, 1));
        assert_eq!(marks.reached(B.next(), Decree(9)), None);
        marks.note(B.next(), mark(2, 1));
        marks.note(B, mark(3, 1));
        assert_eq!(marks.reached(B, Decree(9)), None);
        assert_eq!(marks.reached(B.next(), Decree(9)), Some(mark(2, 1)));
    }

    /// What happens to a primary, to one of its secondaries, and to the secondary's questions.
    #[derive(Clone, Debug)]
    enum Step {
        Pass(u64),
        Commit,
        Ask,
        /// The primary takes one of the questions that are under way.
        Take(usize),
        /// One of the answers under way arrives.
        Arrive(usize),
        Apply(u64),
        Elect,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            2 => (1..4_u64).prop_map(Step::Pass),
            4 => Just(Step::Commit),
            3 => Just(Step::Ask),
            3 => any::<usize>().prop_map(Step::Take),
            3 => any::<usize>().prop_map(Step::Arrive),
            3 => (1..6_u64).prop_map(Step::Apply),
            1 => Just(Step::Elect),
        ]
    }

    #[derive(Default)]
    struct Model {
        now: Time,
        ballot: Ballot,
        /// When each decree was committed, and so acknowledged.
        committed: Vec<Time>,
        applied: u64,
        asked: Vec<(Ballot, Time)>,
        answered: Vec<(Ballot, Mark)>,
        marks: Marks,
    }

    impl Model {
        fn step(&mut self, step: &Step) {
            match *step {
                Step::Pass(ms) => self.now = self.now + Duration::from_millis(ms),
                Step::Commit => self.committed.push(self.now),
                Step::Ask => self.asked.push((self.ballot, self.now)),
                Step::Take(which) if !self.asked.is_empty() => {
                    let (ballot, asked_at) = self.asked.swap_remove(which % self.asked.len());
                    let committed = Decree(self.committed.len() as u64);
                    if ballot == self.ballot {
                        self.answered.push((ballot, Mark { asked_at, committed, time_ms: 0 }));
                    }
                }
                Step::Arrive(which) if !self.answered.is_empty() => {
                    let (ballot, mark) = self.answered.swap_remove(which % self.answered.len());
                    self.marks.note(ballot, mark);
                }
                Step::Apply(more) => self.applied = (self.applied + more).min(self.committed.len() as u64),
                Step::Elect => self.ballot = self.ballot.next(),
                Step::Take(_) | Step::Arrive(_) => {}
            }
        }

        /// The freshest mark that allows a read now.
        fn read(&mut self) -> Option<Mark> {
            let reached = self.marks.reached(self.ballot, Decree(self.applied));
            reached.filter(|mark| mark.is_fresh(self.now, BOUND))
        }

        /// What was acknowledged before this time and is not applied.
        fn lacks(&self, before: Time) -> bool {
            self.committed.iter().skip(self.applied as usize).any(|at| *at < before)
        }
    }

    proptest! {
        #[test]
        fn a_read_that_is_allowed_lacks_nothing_older_than_the_bound(steps in prop::collection::vec(step(), 1..200)) {
            let mut model = Model::default();
            for step in steps {
                model.step(&step);
                if let Some(mark) = model.read() {
                    prop_assert!(!model.lacks(mark.asked_at));
                    prop_assert!(!model.lacks(model.now - BOUND));
                }
            }
        }

        #[test]
        fn the_freshest_answer_of_those_in_order_is_reached(
            gaps in prop::collection::vec((1..4_u64, 0..3_u64), 1..KEPT),
            short in 0..8_u64,
        ) {
            let (mut marks, mut told) = (Marks::default(), vec![]);
            for (time, decrees) in gaps {
                let last: Mark = told.last().copied().unwrap_or(mark(0, 1));
                let (asked_at, committed) = (last.asked_at + Duration::from_millis(time), last.committed.0 + decrees);
                let next = Mark { asked_at, committed: Decree(committed), time_ms: 0 };
                told.push(next);
                marks.note(B, next);
            }
            let applied = Decree(told.last().unwrap().committed.0.saturating_sub(short));
            let best = told.iter().rev().find(|mark| mark.committed <= applied).copied();
            prop_assert_eq!(marks.reached(B, applied), best);
        }
    }
}
