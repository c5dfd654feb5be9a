//! Replies as bytes, in either version of the protocol. Nothing is allocated but room in the output.

use bytes::{BufMut, BytesMut};

use super::Reply;
use super::double;

const LINE_END: &[u8] = b"\r\n";

/// The version of the protocol that a connection speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// What every connection begins with.
    #[default]
    Resp2,
    /// After `HELLO 3`.
    Resp3,
}

impl Version {
    /// As `HELLO` counts.
    #[must_use]
    pub const fn number(self) -> i64 {
        match self {
            Self::Resp2 => 2,
            Self::Resp3 => 3,
        }
    }
}

impl Reply {
    /// Appends the reply to `out`.
    pub fn encode(&self, version: Version, out: &mut BytesMut) {
        match self {
            Self::Simple(text) => line(b'+', text, out),
            Self::Error(text) => line(b'-', text, out),
            Self::Integer(value) => header(b':', *value, out),
            Self::Bulk(value) => bulk(value, out),
            Self::Null => null(version, out),
            Self::Array(elements) => sequence(b'*', elements, version, out),
            Self::Map(pairs) => map(pairs, version, out),
            Self::Set(elements) => {
                sequence(if version == Version::Resp3 { b'~' } else { b'*' }, elements, version, out)
            }
            Self::Double(value) => scalar(b',', double::text(*value).as_bytes(), version, out),
            Self::Boolean(value) => boolean(*value, version, out),
            Self::BigNumber(digits) => scalar(b'(', digits, version, out),
            Self::Verbatim(text) => verbatim(text, version, out),
        }
    }
}

/// The longest header: a sign, `-9223372036854775808`, a line end.
const HEADER_BYTES_MAX: usize = 1 + 20 + LINE_END.len();

/// A sign, a number and a line end, as every element of every reply begins. Nearly all have one digit or two.
fn header(sign: u8, number: i64, out: &mut BytesMut) {
    let digit = |number: i64| b'0' + (number % 10) as u8;
    match number {
        0..=9 => out.put_slice(&[sign, digit(number), b'\r', b'\n']),
        10..=99 => out.put_slice(&[sign, digit(number / 10), digit(number), b'\r', b'\n']),
        _ => {
            out.reserve(HEADER_BYTES_MAX);
            out.put_u8(sign);
            out.put_slice(itoa::Buffer::new().format(number).as_bytes());
            out.put_slice(LINE_END);
        }
    }
}

/// The header of something that has a length.
fn length(sign: u8, length: usize, out: &mut BytesMut) {
    header(sign, i64::try_from(length).unwrap_or(i64::MAX), out);
}

/// A text up to the end of a line: line ends within it, which a client would take for that end, become blanks.
fn line(sign: u8, text: &[u8], out: &mut BytesMut) {
    out.reserve(text.len() + HEADER_BYTES_MAX + LINE_END.len());
    out.put_u8(sign);
    if text.iter().any(|byte| is_line_end(*byte)) {
        out.extend(text.iter().map(|byte| if is_line_end(*byte) { b' ' } else { *byte }));
    } else {
        out.put_slice(text);
    }
    out.put_slice(LINE_END);
}

const fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

fn bulk(value: &[u8], out: &mut BytesMut) {
    out.reserve(value.len() + HEADER_BYTES_MAX + LINE_END.len());
    length(b'$', value.len(), out);
    out.put_slice(value);
    out.put_slice(LINE_END);
}

fn null(version: Version, out: &mut BytesMut) {
    out.put_slice(match version {
        Version::Resp2 => b"$-1\r\n",
        Version::Resp3 => b"_\r\n",
    });
}

fn sequence(sign: u8, elements: &[Reply], version: Version, out: &mut BytesMut) {
    length(sign, elements.len(), out);
    elements.iter().for_each(|element| element.encode(version, out));
}

fn map(pairs: &[(Reply, Reply)], version: Version, out: &mut BytesMut) {
    match version {
        Version::Resp2 => length(b'*', pairs.len() * 2, out),
        Version::Resp3 => length(b'%', pairs.len(), out),
    }
    for (key, value) in pairs {
        key.encode(version, out);
        value.encode(version, out);
    }
}

/// A number that RESP2 knows only as a bulk string.
fn scalar(sign: u8, text: &[u8], version: Version, out: &mut BytesMut) {
    match version {
        Version::Resp2 => bulk(text, out),
        Version::Resp3 => line(sign, text, out),
    }
}

fn boolean(value: bool, version: Version, out: &mut BytesMut) {
    match version {
        Version::Resp2 => header(b':', i64::from(value), out),
        Version::Resp3 => out.put_slice(if value { b"#t\r\n" } else { b"#f\r\n" }),
    }
}

fn verbatim(text: &[u8], version: Version, out: &mut BytesMut) {
    const FORMAT: &[u8] = b"txt:";
    match version {
        Version::Resp2 => bulk(text, out),
        Version::Resp3 => {
            out.reserve(text.len() + FORMAT.len() + HEADER_BYTES_MAX + LINE_END.len());
            length(b'=', text.len() + FORMAT.len(), out);
            out.put_slice(FORMAT);
            out.put_slice(text);
            out.put_slice(LINE_END);
        }
    }
}
