//! The head of a type that is kept in several records: a hash today; sets, sorted sets and lists begin with the same.

use bytes::{BufMut, Bytes, BytesMut};

/// Which creation of the key this is, and how much it holds: `version(8) | length(8)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Unique to this creation of the key: records that carry another one belong to an earlier life of it.
    pub version: u64,
    /// Number of elements; never zero, as what is empty does not exist.
    pub length: u64,
}

/// The payload is no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not the head of a hash")]
pub struct DamagedHead;

impl Head {
    /// The stored payload.
    #[must_use]
    pub fn encode(self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(16);
        bytes.put_u64(self.version);
        bytes.put_u64(self.length);
        bytes.freeze()
    }

    /// Back from the stored payload.
    ///
    /// # Errors
    /// Any other length than 16 bytes.
    pub fn decode(payload: &[u8]) -> Result<Self, DamagedHead> {
        let (version, rest) = payload.split_first_chunk::<8>().ok_or(DamagedHead)?;
        let length = <&[u8; 8]>::try_from(rest).map_err(|_| DamagedHead)?;
        Ok(Self { version: u64::from_be_bytes(*version), length: u64::from_be_bytes(*length) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_head_survives_encoding(version: u64, length: u64) {
            let head = Head { version, length };
            prop_assert_eq!(Head::decode(&head.encode()), Ok(head));
        }

        #[test]
        fn only_sixteen_bytes_are_a_head(bytes: Vec<u8>) {
            prop_assert_eq!(Head::decode(&bytes).is_ok(), bytes.len() == 16);
        }
    }
}
