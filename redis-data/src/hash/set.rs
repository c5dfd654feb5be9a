//! HSET, HMSET and HSETNX.

use std::collections::BTreeSet;

use bytes::Bytes;
use resp::Reply;

use super::Hash;
use crate::args::Args;
use crate::command::Evaluate;
use crate::encoding::Key;
use crate::evaluation::Answer;
use crate::store::Store;

/// HSET key field value [field value …], and HMSET, which answers OK.
#[derive(Clone, Debug)]
pub(crate) struct HSet {
    key: Key,
    fields: Vec<Bytes>,
    values: Vec<Bytes>,
    /// The reply is the number of fields that are new.
    count: bool,
}

impl HSet {
    pub(crate) fn parse(count: bool, mut args: Args<'_>) -> Result<Self, Reply> {
        if args.len() < 3 || args.len().is_multiple_of(2) {
            return Err(args.arity());
        }
        let mut set = Self { key: args.key()?, fields: vec![], values: vec![], count };
        while args.len() > 0 {
            set.fields.push(args.field()?);
            set.values.push(args.text()?);
        }
        Ok(set)
    }
}

impl Evaluate for HSet {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        let hash = Hash::open_or_new(store, &self.key)?;
        let before = hash.get(store, &self.fields)?;
        let new: BTreeSet<_> =
            self.fields.iter().zip(before).filter(|(_, value)| value.is_none()).map(|(f, _)| f).collect();
        // In order: of a field that is named twice the last value stays.
        for (field, value) in self.fields.iter().zip(&self.values) {
            hash.set(store, field, value.clone())?;
        }
        hash.save(store, hash.len().saturating_add(new.len() as u64))?;
        Ok(if self.count { Reply::count(new.len()) } else { Reply::ok() })
    }
}

/// HSETNX key field value.
#[derive(Clone, Debug)]
pub(crate) struct HSetNx {
    key: Key,
    field: Bytes,
    value: Bytes,
}

impl HSetNx {
    pub(crate) fn parse(mut args: Args<'_>) -> Result<Self, Reply> {
        let set = Self { key: args.key()?, field: args.field()?, value: args.text()? };
        args.end().map(|()| set)
    }
}

impl Evaluate for HSetNx {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        let hash = Hash::open_or_new(store, &self.key)?;
        if hash.field(store, &self.field)?.is_some() {
            return Ok(Reply::Integer(0));
        }
        hash.set(store, &self.field, self.value.clone())?;
        hash.save(store, hash.len().saturating_add(1))?;
        Ok(Reply::Integer(1))
    }
}
