//! SETNX.

use bytes::Bytes;
use resp::Reply;

use crate::args::Args;
use crate::command::Evaluate;
use crate::encoding::Key;
use crate::evaluation::Answer;
use crate::store::Store;

/// SETNX key value.
#[derive(Clone, Debug)]
pub(crate) struct SetNx {
    key: Key,
    value: Bytes,
}

impl SetNx {
    pub(crate) fn parse(mut args: Args<'_>) -> Result<Self, Reply> {
        let set = Self { key: args.key()?, value: args.text()? };
        args.end().map(|()| set)
    }
}

impl Evaluate for SetNx {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        if store.value(&self.key)?.is_some() {
            return Ok(Reply::Integer(0));
        }
        store.set_string(&self.key, self.value.clone(), None)?;
        Ok(Reply::Integer(1))
    }
}
