//! GETRANGE, its old name SUBSTR, and SETRANGE.

use bytes::{Bytes, BytesMut};
use resp::Reply;

use crate::args::Args;
use crate::command::Evaluate;
use crate::encoding::Key;
use crate::error;
use crate::evaluation::Answer;
use crate::store::Store;

/// GETRANGE key start end: both included, negative ones counted from the end.
#[derive(Clone, Debug)]
pub(crate) struct GetRange {
    key: Key,
    start: i64,
    end: i64,
}

impl GetRange {
    pub(crate) fn parse(mut args: Args<'_>) -> Result<Self, Reply> {
        let range = Self { key: args.key()?, start: args.integer()?, end: args.integer()? };
        args.end().map(|()| range)
    }

    fn of(&self, value: &Bytes) -> Bytes {
        let length = i64::try_from(value.len()).unwrap_or(i64::MAX);
        if self.start < 0 && self.end < 0 && self.start > self.end {
            return Bytes::new();
        }
        let from_start = |at: i64| if at < 0 { at.saturating_add(length).max(0) } else { at };
        let (start, end) = (from_start(self.start), from_start(self.end).min(length - 1));
        let place = |at: i64| usize::try_from(at).unwrap_or(0);
        if start > end { Bytes::new() } else { value.slice(place(start)..place(end) + 1) }
    }
}

impl Evaluate for GetRange {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        let value = store.string(&self.key)?.map(|value| value.payload);
        Ok(Reply::Bulk(self.of(&value.unwrap_or_default())))
    }
}

/// SETRANGE key offset value. What is between the end and the offset becomes zeros.
#[derive(Clone, Debug)]
pub(crate) struct SetRange {
    key: Key,
    offset: u64,
    value: Bytes,
}

impl SetRange {
    pub(crate) fn parse(mut args: Args<'_>) -> Result<Self, Reply> {
        let (key, offset, value) = (args.key()?, args.integer()?, args.text()?);
        args.end()?;
        let offset = u64::try_from(offset).map_err(|_| Reply::error("ERR offset is out of range"))?;
        Ok(Self { key, offset, value })
    }
}

impl Evaluate for SetRange {
    fn evaluate(&self, store: &mut Store<'_>) -> Answer {
        let before = store.string(&self.key)?;
        let payload = before.as_ref().map_or_else(Bytes::new, |before| before.payload.clone());
        if self.value.is_empty() {
            return Ok(Reply::count(payload.len()));
        }
        let longest = store.ctx().value_bytes_max;
        let offset =
            usize::try_from(self.offset).ok().filter(|offset| *offset <= longest).ok_or_else(error::too_large)?;
        let end = offset + self.value.len();
        if end > longest {
            return Err(error::too_large().into());
        }
        let mut changed = BytesMut::with_capacity(payload.len().max(end));
        changed.extend_from_slice(payload.get(..offset).unwrap_or(&payload));
        changed.resize(offset, 0);
        changed.extend_from_slice(&self.value);
        changed.extend_from_slice(payload.get(end..).unwrap_or_default());
        let length = changed.len();
        store.set_string(&self.key, changed.freeze(), before.and_then(|before| before.expires_at_ms))?;
        Ok(Reply::count(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_as_real_servers_cut_them() {
        let cut = |start, end| {
            let range = GetRange { key: Key::new(b"k").unwrap(), start, end };
            range.of(&Bytes::from_static(b"Hello")).to_vec()
        };
        assert_eq!(cut(0, -1), b"Hello");
        assert_eq!(cut(-3, -1), b"llo");
        assert_eq!(cut(1, 1), b"e");
        assert_eq!(cut(0, i64::MAX), b"Hello");
        assert_eq!(cut(i64::MIN, -5), b"H");
        assert_eq!(cut(0, -100), b"H", "an end before the start of the value is its first byte");
        for (start, end) in [(5, 10), (3, 2), (-1, -3), (i64::MAX, i64::MIN)] {
            assert_eq!(cut(start, end), b"", "{start} {end}");
        }
    }
}
