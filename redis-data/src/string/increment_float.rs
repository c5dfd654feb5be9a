//! INCRBYFLOAT.

use bytes::Bytes;
use resp::Reply;

use crate::args::Args;
use crate::command::Evaluate;
use crate::encoding::Key;
use crate::error;
use crate::evaluation::Answer;
use crate::number::LongDouble;
use crate::store::Store;

/// INCRBYFLOAT key increment. The increment is read after the value, as in real servers: of two errors the value's
/// comes first.
#[derive(Clone, Debug)]
pub(crate) struct IncrementFloat {
    key: Key,
    by: Bytes,
}

impl IncrementFloat {
    pub(crate) fn parse(mut args: Args<'_>) -> Result<Self, Reply> {
        let increment = Self { key: args.key()?, by: args.text()? };
        args.end().map(|()| increment)
    }
}

impl Evaluate for IncrementFloat {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        let before = store.string(&self.key)?;
        let number = match &before {
            Some(before) => LongDouble::parse(&before.payload).ok_or_else(error::not_a_float)?,
            None => LongDouble::ZERO,
        };
        let by = LongDouble::parse(&self.by).ok_or_else(error::not_a_float)?;
        let sum = Bytes::from(number.add(by).ok_or_else(error::not_finite)?.to_string());
        store.set_string(&self.key, sum.clone(), before.and_then(|before| before.expires_at_ms))?;
        Ok(Reply::Bulk(sum))
    }
}
