//! The stored value: `version(1) | kind(1) | expires_at_ms(8, BE; 0 = never) | payload`.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

const VERSION: u8 = 1;
const HEADER: usize = 10;

/// What the payload is. Numbers are durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
pub enum ValueKind {
    /// Opaque bytes: what the Rust client stores, and a Redis string.
    Bytes = 1,
    /// The head of a Redis hash, under an empty sort key; its fields are records of their own.
    Hash = 2,
    /// The value of one field of a Redis hash.
    Field = 3,
}

impl ValueKind {
    const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Bytes),
            2 => Some(Self::Hash),
            3 => Some(Self::Field),
            _ => None,
        }
    }
}

/// A stored value, decoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    /// What the payload is.
    pub kind: ValueKind,
    /// Unix milliseconds from which the record no longer exists; `None`: never.
    pub expires_at_ms: Option<u64>,
    /// The user's bytes.
    pub payload: Bytes,
}

/// Why bytes are no stored value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not a stored value of a known version and kind")]
pub struct DecodeValueError;

impl Value {
    /// Opaque bytes that do not expire unless told.
    #[must_use]
    pub const fn bytes(payload: Bytes, expires_at_ms: Option<u64>) -> Self {
        Self { kind: ValueKind::Bytes, expires_at_ms, payload }
    }

    /// Whether the record no longer exists at `now_ms` (rule TIME: the greater of own clock and applied time).
    #[must_use]
    pub const fn is_expired(&self, now_ms: u64) -> bool {
        matches!(self.expires_at_ms, Some(at) if at <= now_ms)
    }

    /// The stored form.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(self.encoded_len());
        self.encode_into(&mut bytes);
        bytes.freeze()
    }

    /// Length of the stored form, in bytes.
    pub(super) fn encoded_len(&self) -> usize {
        HEADER + self.payload.len()
    }

    /// Appends the stored form.
    pub(super) fn encode_into(&self, bytes: &mut BytesMut) {
        bytes.put_u8(VERSION);
        bytes.put_u8(self.kind as u8);
        bytes.put_u64(self.expires_at_ms.unwrap_or(0));
        bytes.put_slice(&self.payload);
    }

    /// Back from the stored form; the payload is copied once.
    ///
    /// # Errors
    /// An unknown version or kind, or too few bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeValueError> {
        let (kind, expires_at_ms) = Self::header(bytes)?;
        let payload = Bytes::copy_from_slice(bytes.get(HEADER..).unwrap_or_default());
        Ok(Self { kind, expires_at_ms, payload })
    }

    /// Back from the stored form; the payload shares its memory.
    ///
    /// # Errors
    /// An unknown version or kind, or too few bytes.
    pub fn from_stored(mut bytes: Bytes) -> Result<Self, DecodeValueError> {
        let (kind, expires_at_ms) = Self::header(&bytes)?;
        bytes.advance(HEADER);
        Ok(Self { kind, expires_at_ms, payload: bytes })
    }

    fn header(bytes: &[u8]) -> Result<(ValueKind, Option<u64>), DecodeValueError> {
        let [VERSION, kind, expiry @ ..] = bytes.first_chunk::<HEADER>().ok_or(DecodeValueError)? else {
            return Err(DecodeValueError);
        };
        let kind = ValueKind::from_number(*kind).ok_or(DecodeValueError)?;
        Ok((kind, Some(u64::from_be_bytes(*expiry)).filter(|at| *at != 0)))
    }

    /// The kind alone, without touching the payload; `None` if it is unknown.
    #[must_use]
    pub fn kind_of(bytes: &[u8]) -> Option<ValueKind> {
        Self::header(bytes).ok().map(|(kind, _)| kind)
    }

    /// The expiry alone, without touching the payload: what a compaction filter needs.
    #[must_use]
    pub fn expiry_of(bytes: &[u8]) -> Option<u64> {
        let [VERSION, _, expiry @ ..] = bytes.first_chunk::<HEADER>()? else { return None };
        Some(u64::from_be_bytes(*expiry)).filter(|at| *at != 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_value_survives_encoding(kind in kinds(), payload: Vec<u8>, expiry in proptest::option::of(1_u64..)) {
            let value = Value { kind, ..Value::bytes(payload.into(), expiry) };
            let bytes = value.encode();
            prop_assert_eq!(Value::expiry_of(&bytes), expiry);
            prop_assert_eq!(Value::decode(&bytes), Ok(value.clone()));
            prop_assert_eq!(Value::from_stored(bytes), Ok(value));
        }

        #[test]
        fn any_bytes_decode_or_are_refused(bytes: Vec<u8>) {
            let _ = Value::expiry_of(&bytes);
            prop_assert_eq!(Value::decode(&bytes), Value::from_stored(bytes.into()));
        }
    }

    fn kinds() -> impl Strategy<Value = ValueKind> {
        prop_oneof![Just(ValueKind::Bytes), Just(ValueKind::Hash), Just(ValueKind::Field)]
    }

    #[test]
    fn a_kind_of_a_newer_program_is_refused() {
        let mut bytes = Value::bytes(Bytes::from("v"), None).encode().to_vec();
        bytes[1] = 200;
        assert_eq!(Value::decode(&bytes), Err(DecodeValueError));
    }
}
