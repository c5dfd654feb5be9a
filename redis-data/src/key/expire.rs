//! EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT.

use common::types::Value;
use resp::Reply;

use crate::args::Args;
use crate::command::Evaluate;
use crate::encoding::Key;
use crate::error;
use crate::evaluation::Answer;
use crate::store::Store;

/// EXPIRE key seconds [NX | XX | GT | LT], and its three relatives.
#[derive(Clone, Debug)]
pub(crate) struct Expire {
    key: Key,
    /// In ms, from now or from 1970; may be negative.
    time_ms: i64,
    from_now: bool,
    only: Only,
    command: &'static str,
}

/// When the new life is taken; several may hold at once.
#[derive(Clone, Copy, Debug, Default)]
struct Only {
    /// NX: there is no life yet.
    unset: bool,
    /// XX: there is one.
    set: bool,
    /// GT: the new one ends later. No life is the longest.
    later: bool,
    /// LT: the new one ends earlier.
    earlier: bool,
}

impl Expire {
    /// `unit_ms`: what the number counts.
    pub(crate) fn parse(unit_ms: i64, from_now: bool, mut args: Args<'_>) -> Result<Self, Reply> {
        let (command, key, mut number) = (args.command(), args.key()?, args.clone());
        args.text()?;
        let only = Only::parse(&mut args)?;
        let time_ms = number.integer()?.checked_mul(unit_ms).ok_or_else(|| error::invalid_expire_time(command))?;
        Ok(Self { key, time_ms, from_now, only, command })
    }

    fn until(&self, now_ms: u64) -> Result<i64, Reply> {
        let start = if self.from_now { i64::try_from(now_ms).unwrap_or(i64::MAX) } else { 0 };
        self.time_ms.checked_add(start).ok_or_else(|| error::invalid_expire_time(self.command))
    }
}

impl Only {
    /// All words are read before any of them is compared with another.
    fn parse(args: &mut Args<'_>) -> Result<Self, Reply> {
        let mut only = Self::default();
        while let Some(word) = args.optional() {
            match word.to_ascii_lowercase().as_slice() {
                b"nx" => only.unset = true,
                b"xx" => only.set = true,
                b"gt" => only.later = true,
                b"lt" => only.earlier = true,
                _ => return Err(unsupported(&word)),
            }
        }
        only.consistent()
    }

    fn consistent(self) -> Result<Self, Reply> {
        if self.unset && (self.set || self.later || self.earlier) {
            return Err(Reply::error("ERR NX and XX, GT or LT options at the same time are not compatible"));
        }
        if self.later && self.earlier {
            return Err(Reply::error("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(self)
    }

    fn allows(self, before: Option<u64>, until: i64) -> bool {
        let before = before.map(|at| i64::try_from(at).unwrap_or(i64::MAX));
        let refused = self.unset && before.is_some()
            || self.set && before.is_none()
            || self.later && before.is_none_or(|before| until <= before)
            || self.earlier && before.is_some_and(|before| until >= before);
        !refused
    }
}

/// Real servers tell a word up to its first zero.
fn unsupported(word: &[u8]) -> Reply {
    let told = word.split(|byte| *byte == 0).next().unwrap_or_default();
    Reply::error([b"ERR Unsupported option ", told].concat())
}

impl Evaluate for Expire {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        let until = self.until(store.ctx().now_ms)?;
        let Some(value) = store.value(&self.key)? else { return Ok(Reply::Integer(0)) };
        if !self.only.allows(value.expires_at_ms, until) {
            return Ok(Reply::Integer(0));
        }
        // What ended before 1970 has ended as well as what ended in its first millisecond.
        let expires_at_ms = Some(u64::try_from(until).unwrap_or(0).max(1));
        store.set(&self.key, &Value { expires_at_ms, ..value })?;
        Ok(Reply::Integer(1))
    }
}
