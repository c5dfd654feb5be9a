//! SET with its options; SETEX, PSETEX and GETSET are spellings of it.

use bytes::Bytes;
use common::types::Value;
use resp::Reply;

use super::life::Life;
use crate::args::Args;
use crate::command::Evaluate;
use crate::encoding::Key;
use crate::error;
use crate::evaluation::{Answer, Stop};
use crate::store::Store;

/// Whether what is there decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    None,
    Absent,
    Present,
}

/// SET key value [NX | XX] [GET] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL].
#[derive(Clone, Debug)]
pub(crate) struct Set {
    key: Key,
    value: Bytes,
    condition: Condition,
    /// The reply is the value before.
    get: bool,
    life: Option<Life>,
    /// The life of the value before goes on.
    keep_life: bool,
}

impl Set {
    pub(crate) fn parse(mut args: Args<'_>) -> Result<Self, Reply> {
        let mut set = Self::plain(args.key()?, args.text()?);
        while args.len() > 0 {
            set.option(&mut args)?;
        }
        Ok(set)
    }

    /// SETEX key seconds value, with `EX`; PSETEX key milliseconds value, with `PX`.
    pub(crate) fn parse_with_life(unit: &'static str, mut args: Args<'_>) -> Result<Self, Reply> {
        let (key, life) = (args.key()?, Life::new(unit, &mut args)?);
        let set = Self { life: Some(life), ..Self::plain(key, args.text()?) };
        args.end().map(|()| set)
    }

    /// GETSET key value.
    pub(crate) fn parse_get_set(mut args: Args<'_>) -> Result<Self, Reply> {
        let set = Self { get: true, ..Self::plain(args.key()?, args.text()?) };
        args.end().map(|()| set)
    }

    const fn plain(key: Key, value: Bytes) -> Self {
        Self { key, value, condition: Condition::None, get: false, life: None, keep_life: false }
    }

    fn option(&mut self, args: &mut Args<'_>) -> Result<(), Reply> {
        if args.word("NX") {
            self.condition(Condition::Absent)
        } else if args.word("XX") {
            self.condition(Condition::Present)
        } else if args.word("GET") {
            self.get = true;
            Ok(())
        } else if args.word("KEEPTTL") {
            self.keep_life = true;
            if self.life.is_some() { Err(error::syntax()) } else { Ok(()) }
        } else {
            let life = Life::option(args, self.life.as_ref())?.filter(|_| !self.keep_life);
            self.life = Some(life.ok_or_else(error::syntax)?);
            Ok(())
        }
    }

    fn condition(&mut self, condition: Condition) -> Result<(), Reply> {
        let before = std::mem::replace(&mut self.condition, condition);
        if before == Condition::None || before == condition { Ok(()) } else { Err(error::syntax()) }
    }

    /// What is there, if that matters to what is written or told.
    fn before(&self, store: &mut Store<'_>) -> Result<Option<Value>, Stop> {
        if self.get {
            store.string(&self.key)
        } else if self.keep_life || self.condition != Condition::None {
            store.value(&self.key)
        } else {
            Ok(None)
        }
    }
}

impl Evaluate for Set {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        let until = self.life.as_ref().map(|life| life.until(store.ctx().now_ms)).transpose()?;
        let before = self.before(store)?;
        let holds = match self.condition {
            Condition::None => true,
            Condition::Absent => before.is_none(),
            Condition::Present => before.is_some(),
        };
        if holds {
            let kept = before.as_ref().filter(|_| self.keep_life).and_then(|before| before.expires_at_ms);
            store.set_string(&self.key, self.value.clone(), until.or(kept))?;
        }
        Ok(match (self.get, holds) {
            (true, _) => Reply::bulk_or_null(before.map(|before| before.payload)),
            (false, true) => Reply::ok(),
            (false, false) => Reply::Null,
        })
    }
}
