//! HINCRBYFLOAT.

use bytes::Bytes;
use resp::Reply;

use super::Hash;
use crate::args::Args;
use crate::command::Evaluate;
use crate::encoding::Key;
use crate::error;
use crate::evaluation::Answer;
use crate::number::LongDouble;
use crate::store::Store;

/// HINCRBYFLOAT key field increment.
#[derive(Clone, Debug)]
pub(crate) struct HIncrementFloat {
    key: Key,
    field: Bytes,
    by: LongDouble,
}

impl HIncrementFloat {
    pub(crate) fn parse(mut args: Args<'_>) -> Result<Self, Reply> {
        let (key, field, by) = (args.key()?, args.field()?, args.text()?);
        args.end()?;
        let by = LongDouble::parse(&by).ok_or_else(error::not_a_float)?;
        if by.is_infinite() {
            return Err(Reply::error("ERR value is NaN or Infinity"));
        }
        Ok(Self { key, field, by })
    }
}

impl Evaluate for HIncrementFloat {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        let hash = Hash::open_or_new(store, &self.key)?;
        let before = hash.field(store, &self.field)?;
        let not_a_float = || Reply::error("ERR hash value is not a float");
        let number = match &before {
            Some(value) => LongDouble::parse(value).ok_or_else(not_a_float)?,
            None => LongDouble::ZERO,
        };
        let sum = Bytes::from(number.add(self.by).ok_or_else(error::not_finite)?.to_string());
        hash.set(store, &self.field, sum.clone())?;
        hash.save(store, hash.len().saturating_add(before.is_none().into()))?;
        Ok(Reply::Bulk(sum))
    }
}
