//! HGET, HMGET, HEXISTS, HSTRLEN and HLEN.

use bytes::Bytes;
use resp::Reply;

use super::Hash;
use crate::args::Args;
use crate::command::Evaluate;
use crate::encoding::Key;
use crate::evaluation::{Answer, Stop};
use crate::store::Store;

/// A key and a field of the hash under it.
#[derive(Clone, Debug)]
struct Place {
    key: Key,
    field: Bytes,
}

impl Place {
    fn parse(mut args: Args<'_>) -> Result<Self, Reply> {
        let place = Self { key: args.key()?, field: args.field()? };
        args.end().map(|()| place)
    }

    fn value(&self, store: &mut Store<'_>) -> Result<Option<Bytes>, Stop> {
        match Hash::open(store, &self.key)? {
            Some(hash) => Ok(hash.field(store, &self.field)?),
            None => Ok(None),
        }
    }
}

/// HGET key field.
#[derive(Clone, Debug)]
pub(crate) struct HGet(Place);

impl HGet {
    pub(crate) fn parse(args: Args<'_>) -> Result<Self, Reply> {
        Place::parse(args).map(Self)
    }
}

impl Evaluate for HGet {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        self.0.value(store).map(Reply::bulk_or_null)
    }
}

/// HEXISTS key field.
#[derive(Clone, Debug)]
pub(crate) struct HExists(Place);

impl HExists {
    pub(crate) fn parse(args: Args<'_>) -> Result<Self, Reply> {
        Place::parse(args).map(Self)
    }
}

impl Evaluate for HExists {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        self.0.value(store).map(|value| Reply::Integer(value.is_some().into()))
    }
}

/// HSTRLEN key field.
#[derive(Clone, Debug)]
pub(crate) struct HStrLen(Place);

impl HStrLen {
    pub(crate) fn parse(args: Args<'_>) -> Result<Self, Reply> {
        Place::parse(args).map(Self)
    }
}

impl Evaluate for HStrLen {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        self.0.value(store).map(|value| Reply::count(value.map_or(0, |value| value.len())))
    }
}

/// HMGET key field [field …].
#[derive(Clone, Debug)]
pub(crate) struct HMGet {
    key: Key,
    fields: Vec<Bytes>,
}

impl HMGet {
    pub(crate) fn parse(mut args: Args<'_>) -> Result<Self, Reply> {
        Ok(Self { key: args.key()?, fields: args.fields()? })
    }
}

impl Evaluate for HMGet {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        let values = match Hash::open(store, &self.key)? {
            Some(hash) => hash.get(store, &self.fields)?,
            None => vec![None; self.fields.len()],
        };
        Ok(Reply::Array(values.into_iter().map(Reply::bulk_or_null).collect()))
    }
}

/// HLEN key.
#[derive(Clone, Debug)]
pub(crate) struct HLen(Key);

impl HLen {
    pub(crate) fn parse(mut args: Args<'_>) -> Result<Self, Reply> {
        let key = args.key()?;
        args.end().map(|()| Self(key))
    }
}

impl Evaluate for HLen {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        let hash = Hash::open(store, &self.0)?;
        Ok(Reply::count(hash.map_or(0, |hash| hash.len())))
    }
}
