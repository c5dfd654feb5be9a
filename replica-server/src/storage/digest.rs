//! The digest by which copies of a partition are compared.

use common::rpc::node_admin::Digest;
use common::types::{Value, ValueKind};
use redis_data::encoding::Owner;

use super::error::StorageError;
use super::moment::Reach;
use super::scan::is_expired;
use super::store::Storage;

impl Storage {
    /// Hashes the live records at one moment, in order of key. Two copies at the same decree have the same digest:
    /// what counts as expired is judged by the applied time, and fields of hashes that are no more do not count, so it does
    /// not matter which of them has compacted.
    ///
    /// `taken` is called once the moment is fixed, before the long reading: whoever kept writes back may go on.
    ///
    /// # Errors
    /// If it is closed, damaged, or the disk fails.
    pub fn digest(&self, taken: impl FnOnce()) -> Result<Digest, StorageError> {
        self.moment(Reach::Disk, |moment| {
            let at = moment.applied()?;
            taken();
            let (mut records, mut hash, mut heads) = (0, Hash::default(), Heads::default());
            moment.visit(&[], &[], true, &mut |key, value| {
                if !is_expired(value, at.time_ms) && heads.owns(key, value, at.time_ms) {
                    records += 1;
                    hash.field(key);
                    hash.field(value);
                }
                true
            })?;
            Ok(Digest { decree: at.decree, records, hash: hash.0 })
        })?
    }
}

/// The head of the hash whose fields come next, in order of key.
#[derive(Default)]
struct Heads {
    record: Vec<u8>,
    stored: Vec<u8>,
}

impl Heads {
    /// Whether a record is no field, or one of a hash that lives.
    fn owns(&mut self, record: &[u8], stored: &[u8], now_ms: u64) -> bool {
        if let Some(owner) = Owner::of(record, stored) {
            let head = Some(&self.stored[..]).filter(|_| self.record == owner.head);
            return !owner.is_gone(head, now_ms);
        }
        if Value::kind_of(stored) == Some(ValueKind::Hash) {
            self.record.clear();
            self.record.extend_from_slice(record);
            self.stored.clear();
            self.stored.extend_from_slice(stored);
        }
        true
    }
}

/// A 64-bit hash that is the same on every version of Godwit: multiply and rotate, eight bytes at a time. It finds
/// copies that differ by accident; it does not resist an adversary.
struct Hash(u64);

impl Default for Hash {
    fn default() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }
}

impl Hash {
    /// Mixes in the length and the bytes, so that ("ab", "c") differs from ("a", "bc").
    fn field(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        self.word(rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
    }

    const fn word(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
        self.0 = mixed.rotate_left(29) ^ (mixed >> 32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_depends_on_order_and_on_where_fields_end() {
        let of = |fields: &[&[u8]]| {
            let mut hash = Hash::default();
            fields.iter().for_each(|field| hash.field(field));
            hash.0
        };
        assert_ne!(of(&[b"a", b"b"]), of(&[b"b", b"a"]));
        assert_ne!(of(&[b"ab", b"c"]), of(&[b"a", b"bc"]));
        assert_ne!(of(&[b""]), of(&[b"", b""]));
        assert_ne!(of(&[b"12345678"]), of(&[b"12345679"]));
    }
}
