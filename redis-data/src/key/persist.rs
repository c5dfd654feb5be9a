//! PERSIST.

use common::types::Value;
use resp::Reply;

use crate::args::Args;
use crate::command::Evaluate;
use crate::encoding::Key;
use crate::evaluation::Answer;
use crate::store::Store;

/// PERSIST key.
#[derive(Clone, Debug)]
pub(crate) struct Persist(Key);

impl Persist {
    pub(crate) fn parse(mut args: Args<'_>) -> Result<Self, Reply> {
        let key = args.key()?;
        args.end().map(|()| Self(key))
    }
}

impl Evaluate for Persist {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        let Some(value) = store.value(&self.0)?.filter(|value| value.expires_at_ms.is_some()) else {
            return Ok(Reply::Integer(0));
        };
        store.set(&self.0, &Value { expires_at_ms: None, ..value })?;
        Ok(Reply::Integer(1))
    }
}
