//! Reads of copies that may lag. What such a look told must have been so at some moment between the place in the order from
//! which on it counts, and its answer.
//!
//! ```text
//!   wrote 7 ──► surely there ......... read 8 ──► surely over
//!                              since ├──────────── look ──► answered: 7 is too old if it was over before `since`
//! ```
//!
//! That is judged by what is certain, not by a search: a value is written once, so it is over for good once an operation that
//! was called after it had surely been written has met something else. That nothing is there can come again, with every
//! removal.

use std::collections::BTreeMap;

use super::open::first_seen;
use super::record::{Answer, Kind, Operation, Outcome, ValueId};

/// What is there, if anything.
type Content = Option<ValueId>;

/// A stretch of the order in which a content may have been there.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    /// Not before.
    from: u64,
    /// Surely not after.
    over: u64,
}

/// What became of looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looks {
    /// Answered.
    pub answered: usize,
    /// Of those, of keys that are no counters, what told of something that was over when they were called.
    pub late: usize,
}

/// Counts the looks of all keys.
#[must_use]
pub fn looks(operations: &[Operation]) -> Looks {
    let mut keys: BTreeMap<usize, Vec<Operation>> = BTreeMap::new();
    for operation in operations {
        keys.entry(operation.key).or_default().push(*operation);
    }
    let mut counted = Looks::default();
    for operations in keys.values() {
        let counter = operations.iter().any(|operation| operation.kind == Kind::Increment);
        let stretches = Stretches::of(operations);
        for (look, _, answered, content) in told(operations) {
            counted.answered += 1;
            counted.late += usize::from(!counter && !stretches.may_show(content, look.called, answered));
        }
    }
    counted
}

/// The first look of a key that told what was over before it, or what nobody had written.
pub(super) fn too_old(operations: &[Operation]) -> Option<Operation> {
    let stretches = Stretches::of(operations);
    let wrong = told(operations).find(|(_, since, until, content)| !stretches.may_show(*content, *since, *until));
    wrong.map(|(look, ..)| look)
}

/// Looks that were answered: since when it counts, the place of its answer, and what it told.
fn told(operations: &[Operation]) -> impl Iterator<Item = (Operation, u64, u64, Content)> {
    operations.iter().filter_map(|operation| {
        let Kind::Look { since } = operation.kind else { return None };
        let Outcome::Answered(at, Answer::Found(content)) = operation.outcome else { return None };
        Some((*operation, since, at, content))
    })
}

/// Where each content of a key may have been there.
struct Stretches(BTreeMap<Content, Vec<Stretch>>);

impl Stretches {
    fn of(operations: &[Operation]) -> Self {
        let (seen, met) = (first_seen(operations), operations.iter().filter_map(met).collect::<Vec<_>>());
        // At first nothing is there.
        let begins = operations.iter().filter_map(|operation| begin(operation, &seen)).chain([(None, 0, 0)]);
        let mut stretches: BTreeMap<Content, Vec<Stretch>> = BTreeMap::new();
        for (content, from, surely) in begins {
            let others = met.iter().filter(|(called, _, other)| *called > surely && *other != content);
            let over = others.map(|(_, answered, _)| *answered).min().unwrap_or(u64::MAX);
            stretches.entry(content).or_default().push(Stretch { from, over });
        }
        Self(stretches)
    }

    /// Whether this may have been there at some moment between two places.
    fn may_show(&self, content: Content, since: u64, until: u64) -> bool {
        let mut stretches = self.0.get(&content).into_iter().flatten();
        stretches.any(|stretch| stretch.from < until && stretch.over > since)
    }
}

/// What an operation met or left, at a moment between its call and its answer.
fn met(operation: &Operation) -> Option<(u64, u64, Content)> {
    let Outcome::Answered(answered, answer) = operation.outcome else { return None };
    let content = match (operation.kind, answer) {
        (Kind::Get, Answer::Found(content)) => content,
        (Kind::Put(value), _) | (Kind::Exchange(value), _) => Some(value),
        (Kind::Delete, _) => None,
        (Kind::CompareAndSet { value, .. }, Answer::Compared { written: true, .. }) => value,
        (Kind::CompareAndSet { .. }, Answer::Compared { written: false, previous }) => previous,
        (Kind::Get | Kind::Look { .. } | Kind::Increment | Kind::CompareAndSet { .. }, _) => return None,
    };
    Some((operation.called, answered, content))
}

/// A content that an operation brought about or may have: the place before which it did not, and by which it surely had.
fn begin(operation: &Operation, seen: &BTreeMap<ValueId, u64>) -> Option<(Content, u64, u64)> {
    let content = match operation.kind {
        Kind::Put(value) | Kind::Exchange(value) => Some(value),
        Kind::CompareAndSet { value, .. } => value,
        Kind::Delete => None,
        Kind::Get | Kind::Look { .. } | Kind::Increment => return None,
    };
    let surely = match operation.outcome {
        Outcome::Never | Outcome::Answered(_, Answer::Compared { written: false, .. }) => return None,
        Outcome::Answered(at, _) => at,
        Outcome::Open => content.and_then(|value| seen.get(&value).copied()).unwrap_or(u64::MAX),
    };
    Some((content, operation.called, surely))
}
