//! EXISTS and TOUCH; DEL and UNLINK.

use std::collections::BTreeSet;

use resp::Reply;

use crate::args::Args;
use crate::command::Evaluate;
use crate::encoding::Key;
use crate::evaluation::Answer;
use crate::store::Store;

/// EXISTS key [key …], and TOUCH, as nothing keeps the time of the last access. A key named twice counts twice.
#[derive(Clone, Debug)]
pub(crate) struct Exists(Vec<Key>);

impl Exists {
    pub(crate) fn parse(args: Args<'_>) -> Result<Self, Reply> {
        args.keys().map(Self)
    }
}

impl Evaluate for Exists {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        Ok(Reply::count(store.values(&self.0)?.iter().flatten().count()))
    }
}

/// DEL key [key …], and UNLINK, as no deletion waits for what a key holds. A key named twice counts once.
#[derive(Clone, Debug)]
pub(crate) struct Del(Vec<Key>);

impl Del {
    pub(crate) fn parse(args: Args<'_>) -> Result<Self, Reply> {
        args.keys().map(Self)
    }
}

impl Evaluate for Del {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        let values = store.values(&self.0)?;
        let living: BTreeSet<_> =
            self.0.iter().zip(values).filter(|(_, value)| value.is_some()).map(|(k, _)| k).collect();
        living.iter().for_each(|key| store.delete(key));
        Ok(Reply::count(living.len()))
    }
}
