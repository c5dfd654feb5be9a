//! RENAME and RENAMENX.

use common::types::{Value, ValueKind};
use resp::Reply;

use crate::args::Args;
use crate::command::Evaluate;
use crate::encoding::Key;
use crate::error;
use crate::evaluation::{Answer, Stop};
use crate::hash::Hash;
use crate::store::Store;

/// RENAME key newkey, RENAMENX key newkey; both keys in one slot.
#[derive(Clone, Debug)]
pub(crate) struct Rename {
    from: Key,
    to: Key,
    /// Not onto another key.
    only_if_absent: bool,
}

impl Rename {
    pub(crate) fn parse(only_if_absent: bool, mut args: Args<'_>) -> Result<Self, Reply> {
        let rename = Self { from: args.key()?, to: args.key()?, only_if_absent };
        args.end().map(|()| rename)
    }

    const fn done(&self, renamed: bool) -> Reply {
        match (self.only_if_absent, renamed) {
            (false, _) => Reply::ok(),
            (true, false) => Reply::Integer(0),
            (true, true) => Reply::Integer(1),
        }
    }

    /// Where fields stand depends on the key, so those of a hash are copied.
    fn carry_over(&self, store: &mut Store<'_>, value: &Value) -> Result<(), Stop> {
        match value.kind {
            ValueKind::Hash => Hash::of(&self.from, value)?.copy(store, &self.to),
            ValueKind::Bytes | ValueKind::Field => store.set(&self.to, value),
        }
    }
}

impl Evaluate for Rename {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        let mut values = store.values(&[self.from.clone(), self.to.clone()])?.into_iter();
        let (from, to) = (values.next().flatten(), values.next().flatten());
        let from = from.ok_or_else(error::no_such_key)?;
        if self.from == self.to || self.only_if_absent && to.is_some() {
            return Ok(self.done(false));
        }
        self.carry_over(store, &from)?;
        store.delete(&self.from);
        Ok(self.done(true))
    }
}
