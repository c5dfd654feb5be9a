//! HGETALL, HKEYS and HVALS.

use resp::Reply;

use super::Hash;
use crate::args::Args;
use crate::command::Evaluate;
use crate::encoding::Key;
use crate::evaluation::Answer;
use crate::store::Store;

/// What of the fields is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// HGETALL.
    Pairs,
    /// HKEYS.
    Fields,
    /// HVALS.
    Values,
}

/// A whole hash. Its order says nothing.
#[derive(Clone, Debug)]
pub(crate) struct All {
    key: Key,
    part: Part,
}

impl All {
    pub(crate) fn parse(part: Part, mut args: Args<'_>) -> Result<Self, Reply> {
        let key = args.key()?;
        args.end().map(|()| Self { key, part })
    }
}

impl Evaluate for All {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        let mut pairs = vec![];
        if let Some(hash) = Hash::open(store, &self.key)? {
            hash.for_each(store, &mut |pair| pairs.push(pair))?;
        }
        let pairs = pairs.into_iter();
        Ok(match self.part {
            Part::Pairs => Reply::Map(pairs.map(|(f, value)| (Reply::Bulk(f), Reply::Bulk(value))).collect()),
            Part::Fields => Reply::bulks(pairs.map(|(field, _)| field)),
            Part::Values => Reply::bulks(pairs.map(|(_, value)| value)),
        })
    }
}
