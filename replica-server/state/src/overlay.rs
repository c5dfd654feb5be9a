//! Writes in flight, for evaluating read-modify-writes.
//!
//! A primary evaluates an increment or a compare-and-set against what is applied *plus* what has a decree and is not
//! applied yet. The overlay holds the latter. What it says may still die with the primary, so whoever answers a client
//! from it waits until the decree it returns is committed (rule REPLIES).

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use common::types::{Decree, Writes};
use foldhash::HashMap;

/// The newest write in flight of each key.
#[derive(Debug, Default)]
pub struct Overlay {
    // Looked up by key only, so the order of a hash map decides nothing here.
    newest: HashMap<Bytes, (Decree, Option<Bytes>)>,
    noted: VecDeque<(Decree, Writes)>,
}

impl Overlay {
    /// Notes writes that were accepted and will have this decree. Decrees come in order; one may come several times,
    /// as a mutation collects the writes of many clients.
    pub fn note(&mut self, decree: Decree, writes: &Writes) {
        for op in writes.iter() {
            let value = op.value().map(|value| writes.as_bytes().slice_ref(value));
            self.newest.insert(writes.as_bytes().slice_ref(op.key()), (decree, value));
        }
        self.noted.push_back((decree, writes.clone()));
    }

    /// What the key will be once everything in flight is applied, and the decree that makes it so; `None` if nothing
    /// in flight writes it. The inner `None` is a deletion.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<(Decree, Option<Bytes>)> {
        self.newest.get(key).cloned()
    }

    /// What is in flight of the keys from `start` on and before `end`, in order, each with its decree; the inner `None` is a
    /// deletion.
    #[must_use]
    pub fn range(&self, start: &[u8], end: &[u8]) -> BTreeMap<Bytes, (Decree, Option<Bytes>)> {
        let within = self.newest.iter().filter(|(key, _)| start <= &key[..] && &key[..] < end);
        within.map(|(key, newest)| (key.clone(), newest.clone())).collect()
    }

    /// Everything up to `decree` is applied, and found in the storage from now on.
    pub fn applied(&mut self, decree: Decree) {
        while self.noted.front().is_some_and(|(noted, _)| *noted <= decree) {
            if let Some((_, writes)) = self.noted.pop_front() {
                self.forget(decree, &writes);
            }
        }
    }

    /// Writes past `after` will not happen (`pacifica::Effect::Truncated`); what they hid of earlier ones is seen again.
    pub fn void(&mut self, after: Decree) {
        let stay = self.noted.partition_point(|(noted, _)| *noted <= after);
        if stay == self.noted.len() {
            return;
        }
        self.newest.clear();
        let noted = std::mem::take(&mut self.noted);
        for (decree, writes) in noted.into_iter().take(stay) {
            self.note(decree, &writes);
        }
    }

    /// Nothing is in flight any more: the replica is no longer primary, and what had no outcome is not its to know.
    pub fn clear(&mut self) {
        self.newest.clear();
        self.noted.clear();
    }

    /// Whether nothing is in flight.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.noted.is_empty()
    }

    fn forget(&mut self, applied: Decree, writes: &Writes) {
        for op in writes.iter() {
            if self.newest.get(op.key()).is_some_and(|(decree, _)| *decree <= applied) {
                self.newest.remove(op.key());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use common::types::WritesBuilder;
    use proptest::prelude::*;

    use super::*;

    fn writes(ops: &[(u8, Option<u8>)]) -> Writes {
        let mut builder = WritesBuilder::default();
        for (key, value) in ops {
            match value {
                Some(value) => builder.put(&[*key], &[*value]),
                None => builder.delete(&[*key]),
            };
        }
        builder.finish()
    }

    #[test]
    fn the_newest_write_of_a_key_is_seen_and_a_deletion_is_told_from_silence() {
        let mut overlay = Overlay::default();
        overlay.note(Decree(1), &writes(&[(1, Some(10)), (2, Some(20))]));
        overlay.note(Decree(2), &writes(&[(1, None)]));
        assert_eq!(overlay.get(&[1]), Some((Decree(2), None)));
        assert_eq!(overlay.get(&[2]), Some((Decree(1), Some(Bytes::from_static(&[20])))));
        assert_eq!(overlay.get(&[3]), None);
    }

    #[test]
    fn an_applied_write_leaves_and_a_newer_one_of_the_key_stays() {
        let mut overlay = Overlay::default();
        overlay.note(Decree(1), &writes(&[(1, Some(10))]));
        overlay.note(Decree(2), &writes(&[(1, Some(11))]));
        overlay.applied(Decree(1));
        assert_eq!(overlay.get(&[1]), Some((Decree(2), Some(Bytes::from_static(&[11])))));
        overlay.applied(Decree(2));
        assert!(overlay.get(&[1]).is_none() && overlay.is_empty());
    }

    #[test]
    fn nothing_is_in_flight_after_clear() {
        let mut overlay = Overlay::default();
        overlay.note(Decree(1), &writes(&[(1, Some(10))]));
        overlay.clear();
        assert!(overlay.get(&[1]).is_none() && overlay.is_empty());
    }

    #[test]
    fn a_voided_write_uncovers_the_one_below_it() {
        let mut overlay = Overlay::default();
        overlay.note(Decree(1), &writes(&[(1, Some(10))]));
        overlay.note(Decree(2), &writes(&[(1, Some(11)), (2, Some(20))]));
        overlay.void(Decree(1));
        assert_eq!(overlay.get(&[1]), Some((Decree(1), Some(Bytes::from_static(&[10])))));
        assert_eq!(overlay.get(&[2]), None);
        overlay.applied(Decree(1));
        assert!(overlay.is_empty());
    }

    proptest! {
        #[test]
        fn storage_and_overlay_together_are_all_writes_in_order(
            batches in proptest::collection::vec(proptest::collection::vec((0_u8..6, any::<Option<u8>>()), 1..5), 1..20),
            applied in 0_usize..20,
        ) {
            let mut overlay = Overlay::default();
            let mut all = BTreeMap::new();
            let mut storage = BTreeMap::new();
            for (index, batch) in batches.iter().enumerate() {
                overlay.note(Decree(index as u64 + 1), &writes(batch));
                all.extend(batch.iter().copied());
                if index < applied {
                    storage.extend(batch.iter().copied());
                }
            }
            overlay.applied(Decree(applied as u64));
            for key in 0..6_u8 {
                let seen = match overlay.get(&[key]) {
                    Some((_, value)) => value.map(|v| v[0]),
                    None => storage.get(&key).copied().flatten(),
                };
                prop_assert_eq!(seen, all.get(&key).copied().flatten());
            }
            prop_assert_eq!(overlay.is_empty(), applied >= batches.len());
        }
    }
}
