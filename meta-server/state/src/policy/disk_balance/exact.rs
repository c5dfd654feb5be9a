//! With few replicas, every state that can be reached step by step is looked at, and the best one taken.

use std::collections::{BTreeMap, VecDeque};

use super::goal::{Problem, State, Step};

/// The most steps tried; with more replicas the other search is nearly as good.
const TRIES_MAX: usize = 300_000;
/// Bits for the disk of one item in a state's key.
const BITS: usize = 4;
/// Comparisons of shares end here.
pub(super) const EPSILON: f64 = 1e-12;

/// Where each item is, 4 bits each: 0 where it began, else 1 + the disk.
type Key = u64;

struct Seen {
    from: Option<(Key, Step)>,
    gap: f64,
    bytes: u64,
    steps: u32,
}

/// The best plan; `None` if there are too many states to look at all.
pub(super) fn search(problem: &Problem) -> Option<Vec<Step>> {
    if problem.items.len() * BITS > 64 || problem.disks.len() >= (1 << BITS) {
        return None;
    }
    let seen = explore(problem)?;
    let least = seen.values().map(|state| state.gap).min_by(f64::total_cmp)?;
    let good = seen.iter().filter(|(_, state)| state.gap <= least + problem.slack() + EPSILON);
    let best = good.min_by(|(ka, a), (kb, b)| {
        (a.bytes, a.steps).cmp(&(b.bytes, b.steps)).then(a.gap.total_cmp(&b.gap)).then(ka.cmp(kb))
    });
    Some(way_to(*best?.0, &seen))
}

/// All states that are reached by steps none of which widens the gap.
fn explore(problem: &Problem) -> Option<BTreeMap<Key, Seen>> {
    let start = Seen { from: None, gap: problem.gap(&problem.start), bytes: 0, steps: 0 };
    let mut seen = BTreeMap::from([(0, start)]);
    let mut queue: VecDeque<(Key, State)> = VecDeque::from([(0, problem.start.clone())]);
    let mut tries = 0;
    while let Some((key, state)) = queue.pop_front() {
        let Some((gap, bytes, steps)) = seen.get(&key).map(|s| (s.gap, s.bytes, s.steps)) else { continue };
        for step in steps_from(problem, key) {
            let next_key = key | ((step.target as u64 + 1) << (step.item * BITS));
            if seen.contains_key(&next_key) {
                continue;
            }
            tries += 1;
            let Some(next) = problem.after(&state, step) else { continue };
            let next_gap = problem.gap(&next);
            if next_gap > gap + EPSILON {
                continue;
            }
            let moved = problem.items.get(step.item).map_or(0, |item| item.bytes);
            let from = Some((key, step));
            seen.insert(next_key, Seen { from, gap: next_gap, bytes: bytes + moved, steps: steps + 1 });
            queue.push_back((next_key, next));
        }
        if tries > TRIES_MAX {
            return None;
        }
    }
    Some(seen)
}

fn steps_from(problem: &Problem, key: Key) -> impl Iterator<Item = Step> {
    let unmoved = (0..problem.items.len()).filter(move |item| (key >> (item * BITS)) & 0xF == 0);
    unmoved.flat_map(|item| (0..problem.disks.len()).map(move |target| Step { item, target }))
}

fn way_to(end: Key, seen: &BTreeMap<Key, Seen>) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut at = end;
    while let Some((before, step)) = seen.get(&at).and_then(|state| state.from) {
        steps.push(step);
        at = before;
    }
    steps.reverse();
    steps
}
