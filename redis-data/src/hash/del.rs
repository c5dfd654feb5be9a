//! HDEL.

use std::collections::BTreeSet;

use bytes::Bytes;
use resp::Reply;

use super::Hash;
use crate::args::Args;
use crate::command::Evaluate;
use crate::encoding::Key;
use crate::evaluation::Answer;
use crate::store::Store;

/// HDEL key field [field …]. A hash without fields ceases to exist.
#[derive(Clone, Debug)]
pub(crate) struct HDel {
    key: Key,
    fields: Vec<Bytes>,
}

impl HDel {
    pub(crate) fn parse(mut args: Args<'_>) -> Result<Self, Reply> {
        Ok(Self { key: args.key()?, fields: args.fields()? })
    }
}

impl Evaluate for HDel {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        let Some(hash) = Hash::open(store, &self.key)? else { return Ok(Reply::Integer(0)) };
        let before = hash.get(store, &self.fields)?;
        let there: BTreeSet<_> =
            self.fields.iter().zip(before).filter(|(_, value)| value.is_some()).map(|(f, _)| f).collect();
        there.iter().for_each(|field| hash.remove(store, field));
        hash.save(store, hash.len().saturating_sub(there.len() as u64))?;
        Ok(Reply::count(there.len()))
    }
}
