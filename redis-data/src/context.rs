//! What an evaluation is told of the world: time, chance and limits.

use crate::encoding::mix;

/// Handed into every evaluation, so that it reads no clock and throws no dice.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// Unix ms. Never before the time of what was applied (rule TIME), and for a write the time of its mutation.
    pub now_ms: u64,
    /// Never the same for two writes of a partition that are evaluated at the same `now_ms`, whoever is primary (a clock
    /// that lags stands still at the time of what was applied, so that may be many): with the time it makes the version
    /// of a new hash. The next decree in the upper bits and a counter in the lower ones will do. Reads have no use for it.
    pub unique: u64,
    /// Chance, for RANDOMKEY and HRANDFIELD: any number, another one for each request.
    pub seed: u64,
    /// What the client speaks. HRANDFIELD WITHVALUES answers flat in RESP2 and nested in RESP3.
    pub protocol: resp::Version,
    /// Longest value that is stored, in bytes.
    pub value_bytes_max: usize,
}

impl Context {
    /// The version of a hash that is created now. At one time no two are equal; at two times, one of 2^64.
    pub(crate) const fn version(&self) -> u64 {
        mix(mix(self.now_ms).wrapping_add(self.unique))
    }

    /// The chance of this request.
    pub(crate) const fn chance(&self) -> Chance {
        Chance(self.seed)
    }
}

/// A stream of random numbers (SplitMix64). Good for samples, and for nothing secret.
#[derive(Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `bound`, each as likely as the next to within `bound / 2^64`. Zero if there is none.
    pub(crate) const fn below(&mut self, bound: usize) -> usize {
        ((self.next() as u128 * bound as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn versions_differ_by_time_and_within_it() {
        let context =
            |now_ms, unique| Context { now_ms, unique, seed: 0, protocol: resp::Version::Resp2, value_bytes_max: 0 };
        let versions: BTreeSet<_> =
            (0..100).flat_map(|now_ms| (0..100).map(move |unique| context(now_ms, unique).version())).collect();
        assert_eq!(versions.len(), 10_000);
    }

    #[test]
    fn chance_hits_every_place_about_equally() {
        let (mut chance, mut hits) = (Chance(42), [0_u32; 10]);
        (0..10_000).for_each(|_| hits[chance.below(10)] += 1);
        assert!(hits.iter().all(|count| (850..1150).contains(count)), "{hits:?}");
    }
}
