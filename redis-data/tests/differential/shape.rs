//! Replies as they stand on the wire, read by a parser of its own: whatever differs in bytes differs here.

use std::fmt;

/// One reply.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shape {
    /// A sign and what follows on its line.
    Line(u8, Vec<u8>),
    /// A bulk string.
    Bulk(Vec<u8>),
    /// A sign, the number that is told, and the elements.
    List(u8, Vec<u8>, Vec<Shape>),
}

impl Shape {
    /// Reads one reply from the start of `bytes`; what is left of them. `None`: more must arrive.
    pub(crate) fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
        let (sign, line, rest) = (bytes[0], bytes[1..end].to_vec(), &bytes[end + 2..]);
        let number: i64 = std::str::from_utf8(&line).ok().and_then(|line| line.parse().ok()).unwrap_or(-1);
        match sign {
            b'$' if number >= 0 => {
                let length = number as usize;
                let rest_after = rest.get(length + 2..)?;
                Some((Self::Bulk(rest[..length].to_vec()), rest_after))
            }
            b'*' | b'%' | b'~' if number >= 0 => {
                let count = if sign == b'%' { number * 2 } else { number };
                let (mut elements, mut rest) = (vec![], rest);
                for _ in 0..count {
                    let (element, after) = Self::read(rest)?;
                    elements.push(element);
                    rest = after;
                }
                Some((Self::List(sign, line, elements), rest))
            }
            _ => Some((Self::Line(sign, line), rest)),
        }
    }

    pub(crate) fn integer(&self) -> Option<i64> {
        match self {
            Self::Line(b':', digits) => std::str::from_utf8(digits).ok()?.parse().ok(),
            _ => None,
        }
    }

    pub(crate) fn bulk(&self) -> Option<&[u8]> {
        match self {
            Self::Bulk(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub(crate) fn elements(&self) -> &[Self] {
        match self {
            Self::List(_, _, elements) => elements,
            _ => &[],
        }
    }

    /// With its elements in order, taken in groups of so many.
    pub(crate) fn sorted(self, group: usize) -> Self {
        match self {
            Self::List(sign, number, elements) => {
                let mut groups: Vec<_> = elements.chunks(group).map(<[Self]>::to_vec).collect();
                groups.sort();
                Self::List(sign, number, groups.concat())
            }
            other => other,
        }
    }

    /// With every text in it blanked out: what is left if chance decides.
    pub(crate) fn outline(self) -> Self {
        match self {
            Self::List(sign, number, elements) => {
                Self::List(sign, number, elements.into_iter().map(Self::outline).collect())
            }
            Self::Bulk(_) => Self::Bulk(vec![]),
            line => line,
        }
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(sign, line) => write!(f, "{}{}", char::from(*sign), line.escape_ascii()),
            Self::Bulk(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
            Self::List(sign, number, elements) => {
                write!(f, "{}{}", char::from(*sign), number.escape_ascii())?;
                f.debug_list().entries(elements).finish()
            }
        }
    }
}
