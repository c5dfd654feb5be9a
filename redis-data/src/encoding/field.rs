//! Where the fields of a hash stand: sort key `01 | version(8) | place(4) | field`.

use bytes::{BufMut, Bytes, BytesMut};
use common::types::{KEY_BYTES_MAX, prefix_end};

use super::key::Key;
use super::order::order_of;

/// The sort keys of fields begin with it. Sets, sorted sets and lists take other numbers.
pub(super) const TAG: u8 = 1;
/// What stands before the field in a sort key.
const BEFORE_FIELD: usize = 1 + 8 + 4;

/// Longest field, in bytes.
pub const FIELD_BYTES_MAX: usize = KEY_BYTES_MAX - BEFORE_FIELD;

/// A field is longer than [`FIELD_BYTES_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hash field of {0} bytes is longer than {FIELD_BYTES_MAX} bytes")]
pub struct FieldTooLong(pub usize);

/// The fields of one creation of a hash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'k> {
    key: &'k Key,
    version: u64,
}

impl<'k> Fields<'k> {
    pub(crate) const fn of(key: &'k Key, version: u64) -> Self {
        Self { key, version }
    }

    /// The record key of a field. Its length was checked when the command was parsed.
    pub(crate) fn record(&self, field: &[u8]) -> Bytes {
        let mut record = self.start(place(field), field.len());
        record.put_slice(field);
        record.freeze()
    }

    /// The record key from which on all fields of that place and later ones stand.
    pub(crate) fn start_at(&self, place: u32) -> Bytes {
        self.start(place, 0).freeze()
    }

    /// The record key that all fields stand before.
    pub(crate) fn end(&self) -> Bytes {
        prefix_end(&self.prefix(0))
    }

    /// The field that a record key between the first one and [`Fields::end`] names.
    pub(crate) fn field(&self, record: &Bytes) -> Option<Bytes> {
        let at = self.key.record().len() + BEFORE_FIELD;
        (record.len() >= at).then(|| record.slice(at..))
    }

    fn start(&self, place: u32, room: usize) -> BytesMut {
        let mut record = self.prefix(4 + room);
        record.put_u32(place);
        record
    }

    fn prefix(&self, room: usize) -> BytesMut {
        let mut record = BytesMut::with_capacity(self.key.record().len() + 9 + room);
        record.put_slice(self.key.record());
        record.put_u8(TAG);
        record.put_u64(self.version);
        record
    }
}

/// The place of a field among the others: the upper half of its order.
pub(crate) fn place(field: &[u8]) -> u32 {
    (order_of(field) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use common::types::decode_key;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_field_is_found_in_its_record(name: Vec<u8>, version: u64, field: Vec<u8>) {
            let key = Key::new(&name).unwrap();
            let fields = Fields::of(&key, version);
            let record = fields.record(&field);
            prop_assert_eq!(decode_key(&record).unwrap().hash_key, &name[..]);
            prop_assert_eq!(fields.field(&record), Some(Bytes::from(field.clone())));
            prop_assert!(fields.start_at(place(&field)) <= record && record < fields.end());
            prop_assert!(place(&field) == u32::MAX || record < fields.start_at(place(&field) + 1));
            let other = Fields::of(&key, version ^ 1);
            prop_assert!(record < other.start_at(0) || other.end() <= record);
        }
    }

    #[test]
    fn the_longest_field_of_the_longest_key_is_a_record() {
        let key = Key::new(&vec![b'k'; KEY_BYTES_MAX]).unwrap();
        let record = Fields::of(&key, 1).record(&vec![b'f'; FIELD_BYTES_MAX]);
        assert_eq!(decode_key(&record).unwrap().sort_key.len(), KEY_BYTES_MAX);
    }
}
