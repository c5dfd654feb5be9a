//! The decree record: what is applied, written in the same batch as the data.
//!
//! Key `0xFFFF 'd'`, outside every slot range. Value: `version(1) | decree(8) | ballot(8) | time_ms(8)`, big-endian.

use common::types::{Ballot, Decree};

/// Key of the decree record; greater than every record key.
pub const DECREE_KEY: &[u8] = b"\xFF\xFFd";

/// The first key that is not a record's.
pub(super) const RECORDS_END: &[u8] = b"\xFF\xFF";

const VERSION: u8 = 1;
pub(super) const ENCODED: usize = 25;

/// Up to where a storage is, or was when it was last flushed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The last applied decree.
    pub decree: Decree,
    /// The ballot of that mutation.
    pub ballot: Ballot,
    /// The greatest mutation time applied, Unix ms (rule TIME).
    pub time_ms: u64,
}

impl Applied {
    pub(super) fn encode(self) -> [u8; ENCODED] {
        let mut bytes = [VERSION; ENCODED];
        let fields = [self.decree.0, self.ballot.0, self.time_ms];
        for (place, field) in bytes.iter_mut().skip(1).zip(fields.iter().flat_map(|field| field.to_be_bytes())) {
            *place = field;
        }
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (fields, rest) = rest.as_chunks::<8>();
        let [decree, ballot, time_ms] = fields else { return None };
        (*version == VERSION && rest.is_empty()).then(|| Self {
            decree: Decree(u64::from_be_bytes(*decree)),
            ballot: Ballot(u64::from_be_bytes(*ballot)),
            time_ms: u64::from_be_bytes(*time_ms),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_decree_record_survives_encoding(decree: u64, ballot: u64, time_ms: u64) {
            let applied = Applied { decree: Decree(decree), ballot: Ballot(ballot), time_ms };
            prop_assert_eq!(Applied::decode(&applied.encode()), Some(applied));
        }

        #[test]
        fn any_bytes_decode_or_are_refused(bytes: Vec<u8>) {
            let _ = Applied::decode(&bytes);
        }
    }
}
