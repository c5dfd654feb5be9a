//! TYPE, and what types are called.

use common::types::ValueKind;
use resp::Reply;

use crate::args::Args;
use crate::command::Evaluate;
use crate::encoding::Key;
use crate::evaluation::Answer;
use crate::store::Store;

/// TYPE key.
#[derive(Clone, Debug)]
pub(crate) struct Type(Key);

impl Type {
    pub(crate) fn parse(mut args: Args<'_>) -> Result<Self, Reply> {
        let key = args.key()?;
        args.end().map(|()| Self(key))
    }
}

impl Evaluate for Type {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        let value = store.value(&self.0)?;
        Ok(Reply::simple(value.map_or("none", |value| type_name(value.kind))))
    }
}

/// What TYPE tells, and what SCAN compares its TYPE with.
pub(crate) const fn type_name(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::Bytes => "string",
        ValueKind::Hash => "hash",
        ValueKind::Field => "none",
    }
}
