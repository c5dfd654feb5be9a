//! The record key: `slot(2, BE) | hash_key_len(2, BE) | hash_key | sort_key`, so one slot is one contiguous range.
//!
//! Slots end at 16383, so what begins with `0xFFFF` lies outside every slot range: there stands the decree key.

use bytes::{BufMut, Bytes, BytesMut};

use super::slot::slot_of;

/// Longest hash key, and longest sort key, in bytes.
pub const KEY_BYTES_MAX: usize = 65_535;

/// Why a key cannot be stored, or stored bytes are no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Hash key or sort key over [`KEY_BYTES_MAX`].
    #[error("a key part of {0} bytes is longer than 65535 bytes")]
    TooLong(usize),
    /// The bytes end before the hash key does, or the slot does not belong to it.
    #[error("the bytes are not a record key")]
    Malformed,
}

/// A decoded record key, borrowed from its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordKey<'a> {
    /// Slot of the hash key.
    pub slot: u16,
    /// What is hashed; all its records live in one partition.
    pub hash_key: &'a [u8],
    /// Orders records of one hash key.
    pub sort_key: &'a [u8],
}

/// Encodes a record key.
///
/// # Errors
/// [`KeyError::TooLong`].
pub fn encode_key(hash_key: &[u8], sort_key: &[u8]) -> Result<Bytes, KeyError> {
    let mut key = prefix(hash_key, sort_key.len())?;
    key.put_slice(sort_key);
    Ok(key.freeze())
}

/// What all record keys of a hash key begin with.
///
/// # Errors
/// [`KeyError::TooLong`].
pub fn hash_key_prefix(hash_key: &[u8]) -> Result<Bytes, KeyError> {
    prefix(hash_key, 0).map(BytesMut::freeze)
}

fn prefix(hash_key: &[u8], sort_key_len: usize) -> Result<BytesMut, KeyError> {
    let len = u16::try_from(hash_key.len()).map_err(|_| KeyError::TooLong(hash_key.len()))?;
    if sort_key_len > KEY_BYTES_MAX {
        return Err(KeyError::TooLong(sort_key_len));
    }
    let mut key = BytesMut::with_capacity(4 + hash_key.len() + sort_key_len);
    key.put_u16(slot_of(hash_key));
    key.put_u16(len);
    key.put_slice(hash_key);
    Ok(key)
}

/// The first key after all that begin with `prefix`: an exclusive upper bound for a scan. Empty if there is none.
#[must_use]
pub fn prefix_end(prefix: &[u8]) -> Bytes {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last != u8::MAX {
            end.push(last + 1);
            break;
        }
    }
    end.into()
}

/// Takes a record key apart.
///
/// # Errors
/// [`KeyError::Malformed`].
pub fn decode_key(key: &[u8]) -> Result<RecordKey<'_>, KeyError> {
    let (slot, rest) = key.split_first_chunk::<2>().ok_or(KeyError::Malformed)?;
    let (len, rest) = rest.split_first_chunk::<2>().ok_or(KeyError::Malformed)?;
    let (hash_key, sort_key) = rest.split_at_checked(u16::from_be_bytes(*len).into()).ok_or(KeyError::Malformed)?;
    Ok(RecordKey { slot: u16::from_be_bytes(*slot), hash_key, sort_key })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_key_survives_encoding(hash_key: Vec<u8>, sort_key: Vec<u8>) {
            let key = encode_key(&hash_key, &sort_key).unwrap();
            let back = decode_key(&key).unwrap();
            prop_assert_eq!((back.slot, back.hash_key, back.sort_key), (slot_of(&hash_key), &hash_key[..], &sort_key[..]));
            let prefix = hash_key_prefix(&hash_key).unwrap();
            prop_assert!(key.starts_with(&prefix) && key < prefix_end(&prefix));
        }

        #[test]
        fn any_bytes_decode_or_are_refused(bytes: Vec<u8>) {
            let _ = decode_key(&bytes);
        }
    }

    #[test]
    fn a_key_over_the_limit_is_refused() {
        let long = vec![0; KEY_BYTES_MAX + 1];
        assert_eq!(encode_key(&long, b""), Err(KeyError::TooLong(long.len())));
        assert_eq!(encode_key(b"", &long), Err(KeyError::TooLong(long.len())));
    }
}
