//! What a server answers, independent of the version of the protocol that the client speaks.

mod double;
mod encode;
#[cfg(test)]
mod tests;

use bytes::Bytes;

pub use encode::Version;

/// One reply. Texts are [`Bytes`]: a constant costs nothing, and a value that was read is not copied until it is encoded.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// A short text without line ends, as `OK`.
    Simple(Bytes),
    /// An error: its code, a blank, its message. Line ends within become blanks when it is encoded.
    Error(Bytes),
    /// An integer.
    Integer(i64),
    /// Any bytes.
    Bulk(Bytes),
    /// Nothing where a value would be.
    Null,
    /// An ordered list.
    Array(Vec<Reply>),
    /// Pairs, in order; in RESP2 an array of keys and values by turns.
    Map(Vec<(Reply, Reply)>),
    /// Distinct elements; in RESP2 an array.
    Set(Vec<Reply>),
    /// A floating-point number; in RESP2 a bulk string.
    Double(f64),
    /// In RESP2 an integer, 0 or 1.
    Boolean(bool),
    /// An integer of any length, in decimal; in RESP2 a bulk string.
    BigNumber(Bytes),
    /// Plain text, to be shown to people as it is; in RESP2 a bulk string.
    Verbatim(Bytes),
}

impl Reply {
    /// `OK`.
    #[must_use]
    pub const fn ok() -> Self {
        Self::Simple(Bytes::from_static(b"OK"))
    }

    /// A short text.
    pub fn simple(text: impl Into<Bytes>) -> Self {
        Self::Simple(text.into())
    }

    /// An error, with its code: `ERR syntax error`.
    pub fn error(text: impl Into<Bytes>) -> Self {
        Self::Error(text.into())
    }

    /// A bulk string.
    pub fn bulk(value: impl Into<Bytes>) -> Self {
        Self::Bulk(value.into())
    }

    /// A bulk string, or null.
    pub fn bulk_or_null(value: Option<impl Into<Bytes>>) -> Self {
        value.map_or(Self::Null, Self::bulk)
    }

    /// Text for people.
    pub fn verbatim(text: impl Into<Bytes>) -> Self {
        Self::Verbatim(text.into())
    }

    /// An array of bulk strings.
    pub fn bulks<T: Into<Bytes>>(values: impl IntoIterator<Item = T>) -> Self {
        Self::Array(values.into_iter().map(Self::bulk).collect())
    }

    /// A map with texts as its keys.
    pub fn map<K: Into<Bytes>>(pairs: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Map(pairs.into_iter().map(|(key, value)| (Self::bulk(key), value)).collect())
    }

    /// A count. Nothing that is counted here exceeds an `i64`; if it did, the largest would be told.
    pub fn count(count: impl TryInto<i64>) -> Self {
        Self::Integer(count.try_into().unwrap_or(i64::MAX))
    }

    /// Whether this is an error.
    #[must_use]
    pub const fn is_error(&self) -> bool {
        matches!(self, Self::Error(_))
    }
}
