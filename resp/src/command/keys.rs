//! Where the keys of a request stand, and the slot that they share.

use common::types::slot_of;

use super::Spec;
use crate::errors;

/// What a command does to the keys of one key specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFlag {
    /// Reads the value and changes nothing.
    ReadOnly,
    /// Changes part of the value.
    ReadWrite,
    /// Replaces the value without a look at it.
    Overwrite,
    /// Removes the key.
    Remove,
    /// Returns, copies or uses the value.
    Access,
    /// Changes the value.
    Update,
    /// Adds to the value.
    Insert,
    /// Takes away from the value.
    Delete,
    /// Does less than this says, depending on its arguments.
    Variable,
}

impl KeyFlag {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "RO",
            Self::ReadWrite => "RW",
            Self::Overwrite => "OW",
            Self::Remove => "RM",
            Self::Access => "access",
            Self::Update => "update",
            Self::Insert => "insert",
            Self::Delete => "delete",
            Self::Variable => "variable_flags",
        }
    }
}

/// Arguments that are keys: every `step`th from `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// Index of the first key; the name of the command is 0.
    pub first: usize,
    /// Index of the last key; `None`: that of the last argument.
    pub last: Option<usize>,
    /// From one key to the next, at least 1.
    pub step: usize,
}

impl KeyRange {
    /// The keys among the arguments.
    fn of<A>(self, arguments: &[A]) -> impl Iterator<Item = &A> {
        let end = self.last.map_or(arguments.len(), |last| last + 1);
        arguments.get(self.first..end.min(arguments.len())).unwrap_or_default().iter().step_by(self.step)
    }
}

/// Keys that a command treats alike.
#[derive(Clone, Copy, Debug)]
pub struct KeySpec {
    /// Where they stand.
    pub range: KeyRange,
    /// What becomes of them.
    pub flags: &'static [KeyFlag],
}

impl KeySpec {
    /// The key that stands at `index`.
    pub(super) const fn at(index: usize, flags: &'static [KeyFlag]) -> Self {
        Self { range: KeyRange { first: index, last: Some(index), step: 1 }, flags }
    }

    /// The first argument, and every `step`th behind it.
    pub(super) const fn every(step: usize, flags: &'static [KeyFlag]) -> Self {
        Self { range: KeyRange { first: 1, last: None, step }, flags }
    }
}

/// The keys of one request lie in different slots, so no node can answer it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", errors::CROSS_SLOT)]
pub struct CrossSlot;

impl Spec {
    /// All keys as one range: what `COMMAND` tells old clients. `None`: the command has no keys.
    #[must_use]
    pub fn key_range(&self) -> Option<KeyRange> {
        let (first, last) = (self.keys.first()?.range, self.keys.last()?.range);
        Some(KeyRange { first: first.first, last: last.last, step: first.step })
    }

    /// The keys among the arguments, in order, each with what becomes of it. The number of arguments is right
    /// ([`resolve`](super::resolve)).
    pub fn keys_of<'a, A: AsRef<[u8]>>(
        &'static self,
        arguments: &'a [A],
    ) -> impl Iterator<Item = (&'a [u8], &'static [KeyFlag])> {
        self.keys.iter().flat_map(move |spec| spec.range.of(arguments).map(|key| (key.as_ref(), spec.flags)))
    }

    /// The slot of the request; `None`: it has no keys, and any node may answer it.
    ///
    /// # Errors
    /// The keys lie in different slots.
    pub fn slot<A: AsRef<[u8]>>(&'static self, arguments: &[A]) -> Result<Option<u16>, CrossSlot> {
        let mut slots = self.keys_of(arguments).map(|(key, _)| slot_of(key));
        let Some(slot) = slots.next() else { return Ok(None) };
        if slots.all(|other| other == slot) { Ok(Some(slot)) } else { Err(CrossSlot) }
    }
}
