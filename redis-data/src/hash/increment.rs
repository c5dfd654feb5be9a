//! HINCRBY.

use bytes::Bytes;
use resp::Reply;

use super::Hash;
use crate::args::Args;
use crate::command::Evaluate;
use crate::encoding::Key;
use crate::error;
use crate::evaluation::Answer;
use crate::number::{format_integer, parse_integer};
use crate::store::Store;

/// HINCRBY key field increment.
#[derive(Clone, Debug)]
pub(crate) struct HIncrement {
    key: Key,
    field: Bytes,
    by: i64,
}

impl HIncrement {
    pub(crate) fn parse(mut args: Args<'_>) -> Result<Self, Reply> {
        let increment = Self { key: args.key()?, field: args.field()?, by: args.integer()? };
        args.end().map(|()| increment)
    }
}

impl Evaluate for HIncrement {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        let hash = Hash::open_or_new(store, &self.key)?;
        let before = hash.field(store, &self.field)?;
        let not_an_integer = || Reply::error("ERR hash value is not an integer");
        let integer = match &before {
            Some(value) => parse_integer(value).ok_or_else(not_an_integer)?,
            None => 0,
        };
        let sum = integer.checked_add(self.by).ok_or_else(error::overflow)?;
        hash.set(store, &self.field, format_integer(sum))?;
        hash.save(store, hash.len().saturating_add(before.is_none().into()))?;
        Ok(Reply::Integer(sum))
    }
}
