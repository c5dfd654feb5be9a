//! TTL, PTTL, EXPIRETIME, PEXPIRETIME.

use resp::Reply;

use crate::args::Args;
use crate::command::Evaluate;
use crate::encoding::Key;
use crate::evaluation::Answer;
use crate::store::Store;

/// How long a key lives, or until when: -2 if there is no such key, -1 if it lives for ever.
#[derive(Clone, Debug)]
pub(crate) struct Ttl {
    key: Key,
    unit_ms: u64,
    from_now: bool,
}

impl Ttl {
    /// `unit_ms`: what is counted; seconds are rounded to the nearest, as in real servers.
    pub(crate) fn parse(unit_ms: u64, from_now: bool, mut args: Args<'_>) -> Result<Self, Reply> {
        let key = args.key()?;
        args.end().map(|()| Self { key, unit_ms, from_now })
    }
}

impl Evaluate for Ttl {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        let Some(value) = store.value(&self.key)? else { return Ok(Reply::Integer(-2)) };
        let Some(until) = value.expires_at_ms else { return Ok(Reply::Integer(-1)) };
        let start = if self.from_now { store.ctx().now_ms } else { 0 };
        Ok(Reply::count((until.saturating_sub(start).saturating_add(self.unit_ms / 2)) / self.unit_ms))
    }
}
