//! GET and STRLEN.

use resp::Reply;

use crate::args::Args;
use crate::command::Evaluate;
use crate::encoding::Key;
use crate::evaluation::Answer;
use crate::store::Store;

/// GET key.
#[derive(Clone, Debug)]
pub(crate) struct Get(Key);

impl Get {
    pub(crate) fn parse(mut args: Args<'_>) -> Result<Self, Reply> {
        let key = args.key()?;
        args.end().map(|()| Self(key))
    }
}

impl Evaluate for Get {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        let value = store.string(&self.0)?;
        Ok(Reply::bulk_or_null(value.map(|value| value.payload)))
    }
}

/// STRLEN key.
#[derive(Clone, Debug)]
pub(crate) struct StrLen(Key);

impl StrLen {
    pub(crate) fn parse(mut args: Args<'_>) -> Result<Self, Reply> {
        let key = args.key()?;
        args.end().map(|()| Self(key))
    }
}

impl Evaluate for StrLen {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        let value = store.string(&self.0)?;
        Ok(Reply::count(value.map_or(0, |value| value.payload.len())))
    }
}
