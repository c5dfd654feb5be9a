//! The keys of the lowest places of a slot, however many pass by.

use std::collections::BTreeMap;

use super::walk::Found;

/// Collects the keys of the lowest places, up to a number; what shares a place stays together.
#[derive(Debug)]
pub(super) struct Smallest {
    places: BTreeMap<u64, Vec<Found>>,
    kept: usize,
    most: usize,
    /// The lowest place that was left out.
    left_out: Option<u64>,
}

impl Smallest {
    pub(super) const fn of(most: usize) -> Self {
        Self { places: BTreeMap::new(), kept: 0, most, left_out: None }
    }

    pub(super) fn add(&mut self, place: u64, key: Found) {
        if self.left_out.is_some_and(|left_out| place >= left_out) {
            return;
        }
        self.places.entry(place).or_default().push(key);
        self.kept += 1;
        while self.kept > self.most && self.places.len() > 1 {
            let Some((place, keys)) = self.places.pop_last() else { break };
            self.kept -= keys.len();
            self.left_out = Some(place);
        }
    }

    /// The keys of the lowest places, `count` or as few more as share a place, and the lowest place that is not among
    /// them, if there is one.
    pub(super) fn take(mut self, count: usize) -> (Vec<Found>, Option<u64>) {
        let mut taken = vec![];
        while taken.len() < count
            && let Some((_, keys)) = self.places.pop_first()
        {
            taken.extend(keys);
        }
        let next = self.places.first_key_value().map(|(place, _)| *place);
        (taken, next.or(self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use common::types::ValueKind;

    use super::*;

    fn smallest(places: &[u64], most: usize) -> Smallest {
        let mut smallest = Smallest::of(most);
        for place in places {
            let name = Bytes::from(place.to_string());
            smallest.add(*place, Found { slot: 0, name, kind: ValueKind::Bytes });
        }
        smallest
    }

    fn taken(places: &[u64], most: usize, count: usize) -> (Vec<u64>, Option<u64>) {
        let (keys, next) = smallest(places, most).take(count);
        let place = |key: &Found| std::str::from_utf8(&key.name).unwrap().parse().unwrap();
        (keys.iter().map(place).collect(), next)
    }

    #[test]
    fn the_lowest_places_are_taken_and_the_next_one_is_named() {
        assert_eq!(taken(&[5, 3, 9, 1], 4, 2), (vec![1, 3], Some(5)));
        assert_eq!(taken(&[5, 3, 9, 1], 4, 10), (vec![1, 3, 5, 9], None));
    }

    #[test]
    fn what_does_not_fit_is_named_as_next() {
        assert_eq!(taken(&[5, 3, 9, 1, 7], 2, 10), (vec![1, 3], Some(5)));
    }

    #[test]
    fn what_shares_a_place_stays_together() {
        assert_eq!(taken(&[4, 4, 4, 8], 2, 1), (vec![4, 4, 4], Some(8)));
        assert_eq!(taken(&[4, 4, 4], 1, 1), (vec![4, 4, 4], None));
        assert_eq!(taken(&[2, 4, 4, 4], 2, 2), (vec![2], Some(4)), "no part of a place is told");
    }
}
