//! The network: packets are delayed, reordered, lost, doubled and held back by partitions.

use std::collections::BTreeMap;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::happening::Address;

/// How bad the network is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quality {
    /// Shortest and ordinary longest way, in microseconds.
    pub(crate) delay: (u64, u64),
    /// Of a thousand packets so many take up to `slow_max`.
    pub(crate) slow: u32,
    /// Longest way of a slow packet, in microseconds.
    pub(crate) slow_max: u64,
    /// Of a thousand packets so many are lost.
    pub(crate) lost: u32,
    /// Of a thousand packets so many arrive twice.
    pub(crate) doubled: u32,
}

impl Quality {
    /// Nothing is lost.
    pub(crate) const CALM: Self = Self { delay: (100, 600), slow: 0, slow_max: 0, lost: 0, doubled: 0 };
}

/// What disturbs the network for a while.
#[derive(Clone, Debug)]
pub(crate) enum Disturbance {
    /// Nothing goes from the first to the second.
    Cut(Vec<(Address, Address)>),
    /// No message from copy to copy goes from the first to the second; beacons and their answers do.
    Mute(Address, Address),
    /// Everything is worse.
    Bad(Quality),
}

/// The network.
#[derive(Debug)]
pub(crate) struct Network {
    usual: Quality,
    disturbances: BTreeMap<u64, Disturbance>,
    count: u64,
}

impl Network {
    pub(crate) fn new(usual: Quality) -> Self {
        Self { usual, disturbances: BTreeMap::new(), count: 0 }
    }

    /// Begins a disturbance and names it.
    pub(crate) fn disturb(&mut self, disturbance: Disturbance) -> u64 {
        self.count += 1;
        self.disturbances.insert(self.count, disturbance);
        self.count
    }

    /// Ends a disturbance.
    pub(crate) fn calm(&mut self, disturbance: u64) {
        self.disturbances.remove(&disturbance);
    }

    /// No fault any more.
    pub(crate) fn heal(&mut self) {
        self.disturbances.clear();
        self.usual = Quality::CALM;
    }

    /// From now on as given; for schedules that need each packet where they expect it.
    pub(crate) fn set_quality(&mut self, quality: Quality) {
        self.usual = quality;
    }

    /// When the copies of a packet sent now arrive, in microseconds from now: none, one or two.
    pub(crate) fn arrivals(
        &self,
        rng: &mut ChaCha8Rng,
        from: Address,
        to: Address,
        replication: bool,
    ) -> [Option<u64>; 2] {
        if from == to {
            return [Some(20), None];
        }
        let mut quality = self.usual;
        for disturbance in self.disturbances.values() {
            match disturbance {
                Disturbance::Cut(links) if links.contains(&(from, to)) => return [None, None],
                Disturbance::Mute(a, b) if replication && (*a, *b) == (from, to) => return [None, None],
                Disturbance::Cut(_) | Disturbance::Mute(..) => {}
                Disturbance::Bad(worse) => quality = *worse,
            }
        }
        let happens =
            |rng: &mut ChaCha8Rng, of_thousand: u32| of_thousand > 0 && rng.random_range(0..1000) < of_thousand;
        let way = |rng: &mut ChaCha8Rng| {
            let longest = if happens(rng, quality.slow) { quality.slow_max } else { quality.delay.1 };
            rng.random_range(quality.delay.0..=longest.max(quality.delay.0))
        };
        if happens(rng, quality.lost) {
            return [None, None];
        }
        let first = way(rng);
        // A client's call goes over one connection and is not repeated by anybody (rule RETRY).
        let call = matches!(from, Address::Client(_)) || matches!(to, Address::Client(_));
        let second = if !call && happens(rng, quality.doubled) { Some(way(rng)) } else { None };
        [Some(first), second]
    }
}
