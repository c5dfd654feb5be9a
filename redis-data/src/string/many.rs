//! MGET, MSET, MSETNX: several keys of one slot at once, all or nothing.

use bytes::Bytes;
use common::types::{Value, ValueKind};
use resp::Reply;

use crate::args::Args;
use crate::command::Evaluate;
use crate::encoding::Key;
use crate::evaluation::{Answer, Stop};
use crate::store::Store;

/// MGET key [key …]. What is no string counts as absent.
#[derive(Clone, Debug)]
pub(crate) struct MGet(Vec<Key>);

impl MGet {
    pub(crate) fn parse(args: Args<'_>) -> Result<Self, Reply> {
        args.keys().map(Self)
    }
}

impl Evaluate for MGet {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        let text = |value: Value| Some(value.payload).filter(|_| value.kind == ValueKind::Bytes);
        let values = store.values(&self.0)?;
        Ok(Reply::Array(values.into_iter().map(|value| Reply::bulk_or_null(value.and_then(text))).collect()))
    }
}

/// MSET key value [key value …].
#[derive(Clone, Debug)]
pub(crate) struct MSet {
    keys: Vec<Key>,
    values: Vec<Bytes>,
}

impl MSet {
    pub(crate) fn parse(mut args: Args<'_>) -> Result<Self, Reply> {
        if args.len() == 0 || !args.len().is_multiple_of(2) {
            return Err(args.arity());
        }
        let mut set = Self { keys: vec![], values: vec![] };
        while args.len() > 0 {
            set.keys.push(args.key()?);
            set.values.push(args.text()?);
        }
        Ok(set)
    }

    /// In order: of a key that is named twice the last value stays.
    fn set(&self, store: &mut Store<'_>) -> Result<(), Stop> {
        let mut pairs = self.keys.iter().zip(&self.values);
        pairs.try_for_each(|(key, value)| store.set_string(key, value.clone(), None))
    }
}

impl Evaluate for MSet {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        self.set(store)?;
        Ok(Reply::ok())
    }
}

/// MSETNX key value [key value …].
#[derive(Clone, Debug)]
pub(crate) struct MSetNx(MSet);

impl MSetNx {
    pub(crate) fn parse(args: Args<'_>) -> Result<Self, Reply> {
        MSet::parse(args).map(Self)
    }
}

impl Evaluate for MSetNx {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        if store.values(&self.0.keys)?.iter().any(Option::is_some) {
            return Ok(Reply::Integer(0));
        }
        self.0.set(store)?;
        Ok(Reply::Integer(1))
    }
}
