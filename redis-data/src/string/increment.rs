//! INCR, DECR, INCRBY, DECRBY.

use resp::Reply;

use crate::args::Args;
use crate::command::Evaluate;
use crate::encoding::Key;
use crate::error;
use crate::evaluation::Answer;
use crate::number::{format_integer, parse_integer};
use crate::store::Store;

/// Adds to an integer; what is absent counts as 0.
#[derive(Clone, Debug)]
pub(crate) struct Increment {
    key: Key,
    by: i64,
}

impl Increment {
    /// INCR key (by 1), DECR key (by -1).
    pub(crate) fn parse(by: i64, mut args: Args<'_>) -> Result<Self, Reply> {
        let key = args.key()?;
        args.end().map(|()| Self { key, by })
    }

    /// INCRBY key increment.
    pub(crate) fn parse_by(mut args: Args<'_>) -> Result<Self, Reply> {
        let increment = Self { key: args.key()?, by: args.integer()? };
        args.end().map(|()| increment)
    }

    /// DECRBY key decrement.
    pub(crate) fn parse_decrement(args: Args<'_>) -> Result<Self, Reply> {
        let Self { key, by } = Self::parse_by(args)?;
        let by = by.checked_neg().ok_or_else(|| Reply::error("ERR decrement would overflow"))?;
        Ok(Self { key, by })
    }
}

impl Evaluate for Increment {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        let before = store.string(&self.key)?;
        let integer = match &before {
            Some(before) => parse_integer(&before.payload).ok_or_else(error::not_an_integer)?,
            None => 0,
        };
        let sum = integer.checked_add(self.by).ok_or_else(error::overflow)?;
        store.set_string(&self.key, format_integer(sum), before.and_then(|before| before.expires_at_ms))?;
        Ok(Reply::Integer(sum))
    }
}
