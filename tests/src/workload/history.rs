//! What was sent and what was acknowledged, per key. Shared by writers and readers without locks.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

/// Digits of a version at the head of a value.
const VERSION_DIGITS: usize = 16;

/// Versions of every key, from 1; 0 is "never".
#[derive(Debug)]
pub struct History {
    keys: Vec<Key>,
    value_bytes: usize,
}

#[derive(Debug, Default)]
struct Key {
    sent: AtomicU64,
    acknowledged: AtomicU64,
}

impl History {
    /// Of so many keys, with values of this length.
    #[must_use]
    pub fn new(keys: usize, value_bytes: usize) -> Self {
        Self { keys: (0..keys).map(|_| Key::default()).collect(), value_bytes }
    }

    /// Number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The hash key of a key.
    #[must_use]
    pub fn hash_key(key: usize) -> Bytes {
        format!("key-{key}").into()
    }

    /// The next version of a key and its value. Only the key's one writer calls this.
    pub fn next(&self, key: usize) -> (u64, Bytes) {
        let version = self.at(key).sent.fetch_add(1, Ordering::SeqCst) + 1;
        (version, self.value(key, version))
    }

    /// The write of a version was acknowledged.
    pub fn acknowledge(&self, key: usize, version: u64) {
        self.at(key).acknowledged.fetch_max(version, Ordering::SeqCst);
    }

    /// The last version acknowledged.
    #[must_use]
    pub fn acknowledged(&self, key: usize) -> u64 {
        self.at(key).acknowledged.load(Ordering::SeqCst)
    }

    /// Keys with an acknowledged write.
    pub fn written(&self) -> impl Iterator<Item = usize> {
        (0..self.keys.len()).filter(|key| self.acknowledged(*key) > 0)
    }

    /// What is wrong with a read that began when `floor` was acknowledged.
    #[must_use]
    pub fn judge(&self, key: usize, floor: u64, read: Option<&[u8]>) -> Option<String> {
        let version = match read.map(version_of) {
            Some(None) => return Some(format!("key {key}: the value is none that was ever sent")),
            Some(Some(version)) => version,
            None => 0,
        };
        let sent = self.at(key).sent.load(Ordering::SeqCst);
        if version < floor {
            return Some(format!("key {key}: version {floor} was acknowledged, {version} was read"));
        }
        if version > sent {
            return Some(format!("key {key}: version {version} was read, but only {sent} were sent"));
        }
        let whole = read.is_none_or(|value| value == self.value(key, version));
        (!whole).then(|| format!("key {key}: version {version} has another content than was sent"))
    }

    fn value(&self, key: usize, version: u64) -> Bytes {
        let head = format!("{version:0VERSION_DIGITS$}/{key}/");
        let fill = self.value_bytes.saturating_sub(head.len());
        head.bytes().chain((0..fill).map(|i| filler(key, version, i))).collect()
    }

    #[allow(clippy::indexing_slicing, reason = "keys come from 0..len of this history")]
    fn at(&self, key: usize) -> &Key {
        &self.keys[key]
    }
}

/// Letters that do not repeat from value to value, so that compression does not hide the volume.
fn filler(key: usize, version: u64, position: usize) -> u8 {
    let mixed =
        (key as u64 ^ version.rotate_left(32) ^ (position as u64).rotate_left(16)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    b'a' + ((mixed >> 40) % 26) as u8
}

fn version_of(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value.get(..VERSION_DIGITS)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_may_return_anything_from_acknowledged_to_sent() {
        let history = History::new(1, 64);
        let (first, value) = history.next(0);
        history.acknowledge(0, first);
        let (_, unknown) = history.next(0);
        assert_eq!(history.judge(0, first, Some(&value)), None);
        assert_eq!(history.judge(0, first, Some(&unknown)), None);
    }

    #[test]
    fn a_lost_a_stale_an_invented_and_a_damaged_value_are_told_apart() {
        let history = History::new(1, 64);
        let (_, first) = history.next(0);
        let (second, value) = history.next(0);
        history.acknowledge(0, second);
        let mut damaged = value.to_vec();
        damaged[40] ^= 1;
        assert!(history.judge(0, second, None).unwrap().contains("0 was read"));
        assert!(history.judge(0, second, Some(&first)).unwrap().contains("1 was read"));
        assert!(history.judge(0, 0, Some(&History::new(1, 64).value(0, 9))).unwrap().contains("only 2 were sent"));
        assert!(history.judge(0, second, Some(&damaged)).unwrap().contains("another content"));
        assert!(history.judge(0, second, Some(b"nonsense")).unwrap().contains("none that was ever sent"));
    }
}
