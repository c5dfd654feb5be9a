//! Whose field a record is, and whether that hash still is: what a compaction asks about every field that it meets.

use common::types::{Value, ValueKind, decode_key};

use super::field::TAG;
use super::head::Head;

/// The hash that a field was written into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner<'a> {
    /// The record key of the head.
    pub head: &'a [u8],
    /// The creation of the hash that the field belongs to.
    pub version: u64,
}

impl<'a> Owner<'a> {
    /// The owner of a record, if that is a field.
    #[must_use]
    pub fn of(record: &'a [u8], stored: &[u8]) -> Option<Self> {
        let is_field = Value::kind_of(stored) == Some(ValueKind::Field);
        let sort_key = decode_key(record).ok().filter(|_| is_field)?.sort_key;
        let (version, _) = sort_key.strip_prefix(&[TAG])?.split_first_chunk::<8>()?;
        let head = record.get(..record.len() - sort_key.len())?;
        Some(Self { head, version: u64::from_be_bytes(*version) })
    }

    /// Whether the hash is gone for good, by what is now stored under [`Owner::head`].
    ///
    /// A version is never used again, and a field is written in one mutation with its head or after it. So a head of
    /// another version, or none at all, says that no one will see the field again. A head that has expired counts as
    /// gone once every replica's clock agrees, as with any record: `horizon_ms` is the time of applied mutations less
    /// the allowed skew, in Unix ms. What cannot be read decides nothing.
    #[must_use]
    pub fn is_gone(&self, stored: Option<&[u8]>, horizon_ms: u64) -> bool {
        let Some(stored) = stored else { return true };
        let Ok(value) = Value::decode(stored) else { return false };
        let lives = || Head::decode(&value.payload).map_or(true, |head| head.version == self.version);
        value.is_expired(horizon_ms) || value.kind != ValueKind::Hash || !lives()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::{Fields, Key};
    use super::*;

    const VERSION: u64 = 7;

    fn field() -> (Key, Bytes, Bytes) {
        let key = Key::new(b"user:1").unwrap();
        let record = Fields::of(&key, VERSION).record(b"name");
        let stored = Value { kind: ValueKind::Field, ..Value::bytes(Bytes::from("Ann"), None) }.encode();
        (key, record, stored)
    }

    fn head(version: u64, expires_at_ms: Option<u64>) -> Bytes {
        let payload = Head { version, length: 1 }.encode();
        Value { kind: ValueKind::Hash, expires_at_ms, payload }.encode()
    }

    #[test]
    fn a_field_names_the_record_of_its_head() {
        let (key, record, stored) = field();
        assert_eq!(Owner::of(&record, &stored), Some(Owner { head: key.record(), version: VERSION }));
    }

    #[test]
    fn records_of_other_kinds_have_no_owner() {
        let (key, record, _) = field();
        assert_eq!(Owner::of(&record, &Value::bytes(Bytes::from("v"), None).encode()), None);
        assert_eq!(Owner::of(key.record(), &head(VERSION, None)), None);
    }

    #[test]
    fn a_field_goes_when_its_head_is_gone_or_of_another_version_or_long_expired() {
        let (_, record, stored) = field();
        let owner = Owner::of(&record, &stored).unwrap();
        let string = Value::bytes(Bytes::from("v"), None).encode();
        assert!(owner.is_gone(None, 100));
        assert!(owner.is_gone(Some(&head(VERSION + 1, None)), 100));
        assert!(owner.is_gone(Some(&head(VERSION, Some(100))), 100));
        assert!(owner.is_gone(Some(&string), 100));
        assert!(!owner.is_gone(Some(&head(VERSION, None)), 100));
        assert!(!owner.is_gone(Some(&head(VERSION, Some(101))), 100));
        assert!(!owner.is_gone(Some(b"damaged"), 100));
    }
}
