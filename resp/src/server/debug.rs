//! `DEBUG PROTOCOL`: one reply of each kind, for test suites of clients.

use crate::Reply;

/// The answer to `DEBUG PROTOCOL kind`.
#[must_use]
pub fn protocol(kind: &[u8]) -> Reply {
    let three = || (0..3).map(Reply::Integer);
    match kind.to_ascii_lowercase().as_slice() {
        b"string" => Reply::bulk("Hello World"),
        b"integer" => Reply::Integer(12345),
        #[allow(clippy::approx_constant, reason = "what clients are tested with, and no attempt at pi")]
        b"double" => Reply::Double(3.141),
        b"bignum" => Reply::BigNumber("1234567999999999999999999999999999999".into()),
        b"null" => Reply::Null,
        b"array" => Reply::Array(three().collect()),
        b"set" => Reply::Set(three().collect()),
        b"map" => Reply::Map(three().zip([false, true, false].map(Reply::Boolean)).collect()),
        b"verbatim" => Reply::verbatim("This is a verbatim\nstring"),
        b"true" => Reply::Boolean(true),
        b"false" => Reply::Boolean(false),
        _ => Reply::error(
            "ERR Wrong protocol type name. Please use one of the following: \
             string|integer|double|bignum|null|array|set|map|verbatim|true|false",
        ),
    }
}
