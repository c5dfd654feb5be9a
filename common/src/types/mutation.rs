//! A mutation: one replicated, deterministic batch of writes with its ballot and decree.
//!
//! The writes are encoded once, on the primary, and travel as the same bytes over the wire, into the log and into the
//! storage engine: `op(1) | key_len(4, BE) | key | [value_len(4, BE) | value]`, repeated.

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use super::ids::{Ballot, Decree};
use super::value::Value;

const PUT: u8 = 1;
const DELETE: u8 = 2;
/// Bytes of a length.
const LENGTH: usize = 4;

/// One mutation. A (ballot, decree) is used once (rule DECREES).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mutation {
    /// The ballot under which this record was prepared (a re-prepare carries the new primary's).
    pub ballot: Ballot,
    /// Its place in the partition's order.
    pub decree: Decree,
    /// The primary's Unix time in milliseconds; never falls within a partition (rule TIME).
    pub time_ms: u64,
    /// What it does.
    pub body: Body,
}

/// What a mutation does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// Plain writes, applied in order.
    Writes(Writes),
    /// A new primary's first mutation: changes nothing, and says that records of ballots below `by` past `after` are
    /// void (rule OPENING).
    Opening {
        /// The new primary's last gap-free decree before this no-op.
        after: Decree,
        /// The ballot that it opened. Prepared again under a newer one, the marker still voids no more than it did:
        /// what came between may be acknowledged.
        by: Ballot,
    },
}

impl Mutation {
    /// Approximate size in memory and on the wire, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        const HEADER: usize = 40;
        HEADER
            + match &self.body {
                Body::Writes(writes) => writes.as_bytes().len(),
                Body::Opening { .. } => 0,
            }
    }

    /// The writes, none for an opening.
    #[must_use]
    pub fn writes(&self) -> Writes {
        match &self.body {
            Body::Writes(writes) => writes.clone(),
            Body::Opening { .. } => Writes::default(),
        }
    }
}

/// One write of a record, in the stored encoding of keys and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOp<'a> {
    /// Sets a record.
    Put {
        /// Record key.
        key: &'a [u8],
        /// Stored value.
        value: &'a [u8],
    },
    /// Removes a record, whether it is there or not.
    Delete {
        /// Record key.
        key: &'a [u8],
    },
}

impl<'a> WriteOp<'a> {
    /// The record key that is written.
    #[must_use]
    pub const fn key(&self) -> &'a [u8] {
        match *self {
            Self::Put { key, .. } | Self::Delete { key } => key,
        }
    }

    /// The value that the record has afterwards.
    #[must_use]
    pub const fn value(&self) -> Option<&'a [u8]> {
        match *self {
            Self::Put { value, .. } => Some(value),
            Self::Delete { .. } => None,
        }
    }
}

/// Encoded writes. Cloning shares the bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writes {
    count: u32,
    bytes: Bytes,
}

/// Why bytes are no writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not encoded writes")]
pub struct DecodeWritesError;

impl Writes {
    /// Checks bytes that came from outside, once; [`Writes::iter`] then cannot fail.
    ///
    /// # Errors
    /// [`DecodeWritesError`] if any operation is malformed.
    pub fn decode(bytes: Bytes) -> Result<Self, DecodeWritesError> {
        let mut count = 0;
        let mut rest = bytes.as_ref();
        while !rest.is_empty() {
            rest = split_op(rest).ok_or(DecodeWritesError)?.1;
            count += 1;
        }
        Ok(Self { count, bytes })
    }

    /// Whether what serde brought from another process is what it claims (its fields were not checked on the way).
    #[must_use]
    pub fn is_sound(&self) -> bool {
        Self::decode(self.bytes.clone()).is_ok_and(|checked| checked.count == self.count)
    }

    /// Number of operations.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is no operation.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The encoded form.
    #[must_use]
    pub const fn as_bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The operations in order.
    pub fn iter(&self) -> impl Iterator<Item = WriteOp<'_>> {
        let mut rest = self.bytes.as_ref();
        std::iter::from_fn(move || {
            let (op, after) = split_op(rest)?;
            rest = after;
            Some(op)
        })
    }
}

fn split_op(bytes: &[u8]) -> Option<(WriteOp<'_>, &[u8])> {
    let (op, rest) = bytes.split_first()?;
    let (key, rest) = split_field(rest)?;
    match *op {
        PUT => split_field(rest).map(|(value, rest)| (WriteOp::Put { key, value }, rest)),
        DELETE => Some((WriteOp::Delete { key }, rest)),
        _ => None,
    }
}

fn split_field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_be_bytes(*len) as usize)
}

/// Collects writes into their encoded form.
#[derive(Debug, Default)]
pub struct WritesBuilder {
    count: u32,
    bytes: BytesMut,
}

impl WritesBuilder {
    /// Sets a record.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> &mut Self {
        self.op(PUT, key, LENGTH + value.len());
        self.length(value.len());
        self.bytes.put_slice(value);
        self
    }

    /// Sets a record; the value is encoded into its place.
    pub fn put_value(&mut self, key: &[u8], value: &Value) -> &mut Self {
        let length = value.encoded_len();
        self.op(PUT, key, LENGTH + length);
        self.length(length);
        value.encode_into(&mut self.bytes);
        self
    }

    /// Removes a record.
    pub fn delete(&mut self, key: &[u8]) -> &mut Self {
        self.op(DELETE, key, 0);
        self
    }

    /// Appends operations that are already encoded.
    pub fn extend(&mut self, writes: &Writes) -> &mut Self {
        self.count += writes.count;
        self.bytes.put_slice(&writes.bytes);
        self
    }

    /// Number of operations so far.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether nothing was added.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Encoded size so far, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Takes what was collected; the builder is empty again.
    pub fn finish(&mut self) -> Writes {
        Writes { count: std::mem::take(&mut self.count), bytes: std::mem::take(&mut self.bytes).freeze() }
    }

    /// `more`: bytes that will follow the key.
    fn op(&mut self, op: u8, key: &[u8], more: usize) {
        self.count += 1;
        self.bytes.reserve(1 + LENGTH + key.len() + more);
        self.bytes.put_u8(op);
        self.length(key.len());
        self.bytes.put_slice(key);
    }

    fn length(&mut self, length: usize) {
        // Keys are at most 128 KiB and values are bounded at the door, far below 4 GiB.
        self.bytes.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn writes_survive_encoding(ops: Vec<(Vec<u8>, Option<Vec<u8>>)>) {
            let mut builder = WritesBuilder::default();
            for (key, value) in &ops {
                match value {
                    Some(value) => builder.put(key, value),
                    None => builder.delete(key),
                };
            }
            let writes = Writes::decode(builder.finish().as_bytes().clone()).unwrap();
            let back: Vec<_> = writes.iter().map(|op| (op.key().to_vec(), op.value().map(<[u8]>::to_vec))).collect();
            prop_assert_eq!(writes.len(), ops.len());
            prop_assert_eq!(back, ops);
        }

        #[test]
        fn a_value_is_encoded_in_its_place_as_elsewhere(key: Vec<u8>, payload: Vec<u8>, expiry in proptest::option::of(1_u64..)) {
            let value = Value::bytes(payload.into(), expiry);
            let (mut before, mut placed) = (WritesBuilder::default(), WritesBuilder::default());
            prop_assert_eq!(placed.put_value(&key, &value).finish(), before.put(&key, &value.encode()).finish());
        }

        #[test]
        fn any_bytes_decode_or_are_refused(bytes: Vec<u8>) {
            let _ = Writes::decode(bytes.into());
        }
    }
}
