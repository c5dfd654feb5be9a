//! How long a value lives, as the arguments of SET, GETEX, SETEX and PSETEX say it.

use bytes::Bytes;
use resp::Reply;

use crate::args::Args;
use crate::error;
use crate::number::parse_integer;

/// `EX`, `PX`, `EXAT` or `PXAT`, and the number after it, which is looked at only when the command is evaluated: GETEX
/// of an absent key does not mind it.
#[derive(Clone, Debug)]
pub(super) struct Life {
    command: &'static str,
    word: &'static str,
    number: Bytes,
}

impl Life {
    /// A life of that many seconds (`EX`) or milliseconds (`PX`) from now.
    pub(super) fn new(word: &'static str, args: &mut Args<'_>) -> Result<Self, Reply> {
        Ok(Self { command: args.command(), word, number: args.text()? })
    }

    /// Takes one of the four options if it is next, unless another one of them was taken before.
    pub(super) fn option(args: &mut Args<'_>, before: Option<&Self>) -> Result<Option<Self>, Reply> {
        let Some(word) = ["EX", "PX", "EXAT", "PXAT"].into_iter().find(|word| args.word(word)) else {
            return Ok(None);
        };
        if args.len() == 0 || before.is_some_and(|before| before.word != word) {
            return Err(error::syntax());
        }
        Self::new(word, args).map(Some)
    }

    /// When it ends, in Unix ms; perhaps in the past.
    pub(super) fn until(&self, now_ms: u64) -> Result<u64, Reply> {
        let number = parse_integer(&self.number).ok_or_else(error::not_an_integer)?;
        let unit = if self.word.starts_with('E') { 1000 } else { 1 };
        let start = if self.word.ends_with("AT") { 0 } else { i64::try_from(now_ms).unwrap_or(i64::MAX) };
        let until = number.checked_mul(unit).and_then(|ms| ms.checked_add(start)).filter(|_| number > 0);
        until.map(i64::unsigned_abs).ok_or_else(|| error::invalid_expire_time(self.command))
    }
}
