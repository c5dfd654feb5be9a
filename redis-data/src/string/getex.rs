//! GETEX and GETDEL: reads that leave something changed.

use common::types::Value;
use resp::Reply;

use super::life::Life;
use crate::args::Args;
use crate::command::Evaluate;
use crate::encoding::Key;
use crate::error;
use crate::evaluation::Answer;
use crate::store::Store;

/// GETEX key [EX s | PX ms | EXAT s | PXAT ms | PERSIST].
#[derive(Clone, Debug)]
pub(crate) struct GetEx {
    key: Key,
    life: Option<Life>,
    /// The value shall live for ever.
    persist: bool,
}

impl GetEx {
    pub(crate) fn parse(mut args: Args<'_>) -> Result<Self, Reply> {
        let mut get = Self { key: args.key()?, life: None, persist: false };
        while args.len() > 0 {
            get.option(&mut args)?;
        }
        Ok(get)
    }

    fn option(&mut self, args: &mut Args<'_>) -> Result<(), Reply> {
        if args.word("PERSIST") {
            self.persist = true;
        } else {
            self.life = Some(Life::option(args, self.life.as_ref())?.ok_or_else(error::syntax)?);
        }
        if self.persist && self.life.is_some() { Err(error::syntax()) } else { Ok(()) }
    }
}

impl Evaluate for GetEx {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        let Some(value) = store.string(&self.key)? else { return Ok(Reply::Null) };
        let until = self.life.as_ref().map(|life| life.until(store.ctx().now_ms)).transpose()?;
        if until.is_some() || self.persist && value.expires_at_ms.is_some() {
            store.set(&self.key, &Value { expires_at_ms: until, ..value.clone() })?;
        }
        Ok(Reply::Bulk(value.payload))
    }
}

/// GETDEL key.
#[derive(Clone, Debug)]
pub(crate) struct GetDel(Key);

impl GetDel {
    pub(crate) fn parse(mut args: Args<'_>) -> Result<Self, Reply> {
        let key = args.key()?;
        args.end().map(|()| Self(key))
    }
}

impl Evaluate for GetDel {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        let Some(value) = store.string(&self.0)? else { return Ok(Reply::Null) };
        store.delete(&self.0);
        Ok(Reply::Bulk(value.payload))
    }
}
