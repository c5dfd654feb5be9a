//! Numbers as real servers read and write them. Their texts are values that clients compare, so each digit counts.

mod big;
mod cursor;
mod long_double;

use bytes::Bytes;

pub(crate) use cursor::parse_cursor;
pub(crate) use long_double::LongDouble;
pub(crate) use resp::number::parse_integer;

/// The text of an integer.
pub(crate) fn format_integer(integer: i64) -> Bytes {
    Bytes::from(integer.to_string())
}
