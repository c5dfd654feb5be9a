//! With many replicas: take from the fullest, give to the emptiest, never past the average while that can be helped.
//!
//! A step leaves the source above what the target was, and the target below what the source was. So no share leaves
//! the range that there was, the gap never widens, and the sum of squares falls: the search ends.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::exact::EPSILON;
use super::goal::{Problem, State, Step};

/// The search goes on to this part of what is as good as even, so that its end is near the least gap.
const ENOUGH: f64 = 0.1;
/// The most replicas tried for one pair of disks.
const TRIES: usize = 32;

/// Unmoved items of a disk; among equal loads the fewest bytes come last.
type Shelf = BTreeSet<(u64, Reverse<u64>, Reverse<usize>)>;

struct Search<'a> {
    problem: &'a Problem,
    state: State,
    shelves: Vec<Shelf>,
    average: f64,
}

pub(super) fn search(problem: &Problem) -> Vec<Step> {
    let mut search = Search::new(problem);
    let slack = problem.slack();
    let mut gap = problem.gap(&search.state);
    let (mut steps, mut gaps) = (Vec::new(), vec![gap]);
    while gap > slack * ENOUGH {
        let Some((step, next)) = search.next() else { break };
        search.take(step, next);
        gap = problem.gap(&search.state);
        steps.push(step);
        gaps.push(gap);
    }
    // What was moved last may have brought nothing.
    let least = gaps.iter().copied().min_by(f64::total_cmp).unwrap_or(0.0);
    let enough = gaps.iter().position(|gap| *gap <= least + slack).unwrap_or(0);
    steps.truncate(enough);
    steps
}

impl<'a> Search<'a> {
    fn new(problem: &'a Problem) -> Self {
        let mut shelves = vec![Shelf::new(); problem.disks.len()];
        for (index, item) in problem.items.iter().enumerate() {
            if let Some(shelf) = shelves.get_mut(item.disk) {
                shelf.insert((item.load, Reverse(item.bytes), Reverse(index)));
            }
        }
        Self { problem, state: problem.start.clone(), shelves, average: problem.average() }
    }

    /// The next step: from the fullest disk to any, or from any to the emptiest.
    fn next(&self) -> Option<(Step, State)> {
        let mut givers: Vec<usize> =
            self.indexes(|index| self.shelves.get(index).is_some_and(|shelf| !shelf.is_empty()));
        let mut takers: Vec<usize> = self.indexes(|index| self.problem.disks.get(index).is_some_and(|d| d.accepts));
        givers.sort_by(|a, b| self.share(*b).total_cmp(&self.share(*a)));
        takers.sort_by(|a, b| self.share(*a).total_cmp(&self.share(*b)));
        let (fullest, emptiest) = (*givers.first()?, *takers.first()?);
        let from_fullest = takers.iter().map(|taker| (fullest, *taker));
        let to_emptiest = givers.iter().skip(1).map(|giver| (*giver, emptiest));
        from_fullest.chain(to_emptiest).find_map(|(giver, taker)| self.step_between(giver, taker))
    }

    fn indexes(&self, wanted: impl Fn(usize) -> bool) -> Vec<usize> {
        let part = |index: &usize| self.weight(*index) > 0.0 && wanted(*index);
        (0..self.problem.disks.len()).filter(part).collect()
    }

    fn step_between(&self, giver: usize, taker: usize) -> Option<(Step, State)> {
        let (high, low) = (self.share(giver), self.share(taker));
        if high <= low + EPSILON {
            return None;
        }
        let (out, into) = (self.weight(giver), self.weight(taker));
        // Up to the average on both sides nothing is moved that another step would have to move on.
        let needed = ((high - self.average) * out).min((self.average - low) * into);
        let even = (high - low) * out * into / (out + into);
        self.largest(giver, taker, needed).or_else(|| self.largest(giver, taker, even)).or_else(|| {
            // One that goes too far is still better than none, if it ends between the two.
            let above = (as_load(even).saturating_add(1), Reverse(u64::MAX), Reverse(usize::MAX))..;
            let (load, _, _) = self.shelves.get(giver)?.range(above).next()?;
            self.largest(giver, taker, *load as f64)
        })
    }

    /// The largest load up to a limit that can go.
    fn largest(&self, giver: usize, taker: usize, limit: f64) -> Option<(Step, State)> {
        if limit < 1.0 {
            return None;
        }
        let shelf = self.shelves.get(giver)?;
        let below = shelf.range(..=(as_load(limit), Reverse(0), Reverse(0))).rev();
        below.take(TRIES).find_map(|(_, _, Reverse(item))| self.step(*item, giver, taker))
    }

    fn step(&self, item: usize, giver: usize, target: usize) -> Option<(Step, State)> {
        let step = Step { item, target };
        let next = self.problem.after(&self.state, step)?;
        let (high, low) = (self.share(giver), self.share(target));
        let (left, filled) = (self.problem.share(&next, giver), self.problem.share(&next, target));
        (left > low + EPSILON && filled < high - EPSILON).then_some((step, next))
    }

    fn take(&mut self, step: Step, next: State) {
        self.state = next;
        let Some(item) = self.problem.items.get(step.item) else { return };
        if let Some(shelf) = self.shelves.get_mut(item.disk) {
            shelf.remove(&(item.load, Reverse(item.bytes), Reverse(step.item)));
        }
    }

    fn share(&self, disk: usize) -> f64 {
        self.problem.share(&self.state, disk)
    }

    fn weight(&self, disk: usize) -> f64 {
        self.problem.disks.get(disk).map_or(0.0, |disk| disk.weight)
    }
}

fn as_load(load: f64) -> u64 {
    load as u64
}
