//! The stored value: `version(1) | kind(1) | expires_at_ms(8, BE; 0 = never) | payload`.

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

const VERSION: u8 = 1;
const HEADER: usize = 10;

/// What the payload is. Numbers are durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
pub enum ValueKind {
    /// Opaque bytes.
    Bytes = 1,
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
        let mut bytes = BytesMut::with_capacity(HEADER + self.payload.len());
        bytes.put_u8(VERSION);
        bytes.put_u8(self.kind as u8);
        bytes.put_u64(self.expires_at_ms.unwrap_or(0));
        bytes.put_slice(&self.payload);
        bytes.freeze()
    }

    /// Back from the stored form; the payload is copied once.
    ///
    /// # Errors
    /// An unknown version or kind, or too few bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeValueError> {
        let (header, payload) = bytes.split_first_chunk::<HEADER>().ok_or(DecodeValueError)?;
        let [VERSION, 1, expiry @ ..] = header else { return Err(DecodeValueError) };
        let at = u64::from_be_bytes(*expiry);
        Ok(Self::bytes(Bytes::copy_from_slice(payload), (at != 0).then_some(at)))
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
        fn a_value_survives_encoding(payload: Vec<u8>, expiry in proptest::option::of(1_u64..)) {
            let value = Value::bytes(payload.into(), expiry);
            let bytes = value.encode();
            prop_assert_eq!(Value::expiry_of(&bytes), expiry);
            prop_assert_eq!(Value::decode(&bytes), Ok(value));
        }

        #[test]
        fn any_bytes_decode_or_are_refused(bytes: Vec<u8>) {
            let _ = (Value::decode(&bytes), Value::expiry_of(&bytes));
        }
    }
}
