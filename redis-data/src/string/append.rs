//! APPEND.

use bytes::{Bytes, BytesMut};
use resp::Reply;

use crate::args::Args;
use crate::command::Evaluate;
use crate::encoding::Key;
use crate::evaluation::Answer;
use crate::store::Store;

/// APPEND key value.
#[derive(Clone, Debug)]
pub(crate) struct Append {
    key: Key,
    value: Bytes,
}

impl Append {
    pub(crate) fn parse(mut args: Args<'_>) -> Result<Self, Reply> {
        let append = Self { key: args.key()?, value: args.text()? };
        args.end().map(|()| append)
    }
}

impl Evaluate for Append {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        let Some(before) = store.string(&self.key)? else {
            store.set_string(&self.key, self.value.clone(), None)?;
            return Ok(Reply::count(self.value.len()));
        };
        let mut payload = BytesMut::with_capacity(before.payload.len() + self.value.len());
        payload.extend_from_slice(&before.payload);
        payload.extend_from_slice(&self.value);
        let length = payload.len();
        store.set_string(&self.key, payload.freeze(), before.expires_at_ms)?;
        Ok(Reply::count(length))
    }
}
