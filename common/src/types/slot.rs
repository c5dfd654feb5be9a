//! Hash slots: the key space is cut into 16384 of them, as in Redis Cluster, and a partition owns one contiguous range.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How many slots there are.
pub const SLOTS: u16 = 16384;

/// An inclusive range of slots. Every partition configuration stores its own, and all routing uses that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SlotRange {
    /// First slot owned.
    pub start: u16,
    /// Last slot owned.
    pub end: u16,
}

impl SlotRange {
    /// The range that partition `index` of `count` owns when a table is created (`count` a power of two up to 16384).
    #[must_use]
    pub const fn at_creation(index: u32, count: u32) -> Self {
        let width = SLOTS as u32 / count;
        Self { start: (index * width) as u16, end: (index * width + width - 1) as u16 }
    }

    /// Whether the slot lies in this range.
    #[must_use]
    pub const fn contains(self, slot: u16) -> bool {
        self.start <= slot && slot <= self.end
    }
}

impl fmt::Display for SlotRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.start, self.end)
    }
}

/// CRC16/XMODEM of the hash tag, modulo 16384 (Redis Cluster specification, "Keys distribution model").
#[must_use]
pub fn slot_of(hash_key: &[u8]) -> u16 {
    crc16(hash_tag(hash_key)) % SLOTS
}

/// The part of a key that is hashed: what stands in the first `{…}` if that is not empty, else the whole key.
#[must_use]
pub fn hash_tag(key: &[u8]) -> &[u8] {
    let tag = || {
        let open = key.iter().position(|b| *b == b'{')?;
        let rest = key.get(open + 1..)?;
        let close = rest.iter().position(|b| *b == b'}')?;
        rest.get(..close).filter(|tag| !tag.is_empty())
    };
    tag().unwrap_or(key)
}

const TABLE: [u16; 256] = table();

const fn table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = (index as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
            bit += 1;
        }
        #[allow(clippy::indexing_slicing, reason = "index < 256 by the loop; iterators are not const")]
        {
            table[index] = crc;
        }
        index += 1;
    }
    table
}

fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        let entry = TABLE.get(usize::from((crc >> 8) as u8 ^ byte)).copied().unwrap_or(0);
        (crc << 8) ^ entry
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_agree_with_the_published_vectors() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
        assert_eq!(slot_of(b"foo"), 12182);
        assert_eq!(slot_of(b"{user1000}.following"), slot_of(b"{user1000}.followers"));
        assert_eq!(hash_tag(b"foo{}{bar}"), b"foo{}{bar}");
        assert_eq!(hash_tag(b"foo{{bar}}zap"), b"{bar");
    }

    #[test]
    fn the_ranges_of_a_table_cover_every_slot_once() {
        for count in [1, 2, 8, 64, 16384] {
            let mut next = 0;
            for index in 0..count {
                let range = SlotRange::at_creation(index, count);
                assert_eq!(u32::from(range.start), next);
                next = u32::from(range.end) + 1;
            }
            assert_eq!(next, u32::from(SLOTS));
        }
    }
}
