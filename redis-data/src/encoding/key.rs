//! A Redis key: the hash key of the record that holds it, under an empty sort key.

use std::fmt;

use bytes::Bytes;
use common::types::{KeyError, hash_key_prefix, slot_of};

/// What stands before the name in a record key: slot and length.
const BEFORE_NAME: usize = 4;

/// A key, as the record key of its string or head. Cloning shares the bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    record: Bytes,
}

impl Key {
    /// The key of that name.
    ///
    /// # Errors
    /// If it is longer than [`common::types::KEY_BYTES_MAX`].
    pub fn new(name: &[u8]) -> Result<Self, KeyError> {
        hash_key_prefix(name).map(|record| Self { record })
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        self.record.get(BEFORE_NAME..).unwrap_or_default()
    }

    /// The hash slot that it belongs to.
    #[must_use]
    pub fn slot(&self) -> u16 {
        self.record.first_chunk::<2>().map_or_else(|| slot_of(self.name()), |slot| u16::from_be_bytes(*slot))
    }

    /// The record key of its string or head.
    #[must_use]
    pub const fn record(&self) -> &Bytes {
        &self.record
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.name().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use common::types::{KEY_BYTES_MAX, encode_key};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_key_is_the_record_with_an_empty_sort_key(name: Vec<u8>) {
            let key = Key::new(&name).unwrap();
            prop_assert_eq!(key.record(), &encode_key(&name, b"").unwrap());
            prop_assert_eq!((key.name(), key.slot()), (&name[..], slot_of(&name)));
        }
    }

    #[test]
    fn a_key_over_the_limit_is_refused() {
        assert!(Key::new(&vec![b'k'; KEY_BYTES_MAX]).is_ok());
        assert_eq!(Key::new(&vec![b'k'; KEY_BYTES_MAX + 1]), Err(KeyError::TooLong(KEY_BYTES_MAX + 1)));
    }
}
