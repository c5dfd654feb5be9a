//! What a seed's world is like. Each seed has its own shape and its own favourite faults, so that rare combinations
//! come up often in some of them.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::log::Sync;
use crate::network::Quality;

/// The shape of a seed's world.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) nodes: usize,
    pub(crate) partitions: u32,
    pub(crate) replica_count: u32,
    pub(crate) clients: usize,
    pub(crate) sync: Sync,
    pub(crate) quality: Quality,
    /// Mean time between two actions, in microseconds.
    pub(crate) pace: u64,
    /// Of a thousand actions so many are faults.
    pub(crate) faults: u32,
    /// How often each kind of fault comes, compared with the others; in the order of `FaultKind::ALL`.
    pub(crate) weights: Vec<u32>,
    /// Orders to collect take up to so long, in microseconds.
    pub(crate) collect_delay: u64,
}

impl Plan {
    pub(crate) fn draw(rng: &mut ChaCha8Rng) -> Self {
        let nodes = rng.random_range(3..=5);
        let weights = crate::fault::FaultKind::ALL.iter().map(|kind| draw_weight(rng, *kind)).collect();
        Self {
            nodes,
            partitions: rng.random_range(1..=3),
            replica_count: if rng.random_bool(0.85) { 3 } else { 2 },
            clients: rng.random_range(2..=6),
            sync: if rng.random_bool(0.85) { Sync::Always } else { Sync::Never },
            quality: draw_quality(rng),
            pace: rng.random_range(3_000..=30_000),
            faults: rng.random_range(5..=50),
            weights,
            collect_delay: rng.random_range(0..=6_000_000),
        }
    }
}

impl Plan {
    /// A quiet world of one partition, for a history that is told step by step.
    pub(crate) fn quiet(rng: &mut ChaCha8Rng, nodes: usize, sync: Sync) -> Self {
        Self {
            nodes,
            partitions: 1,
            replica_count: 3,
            clients: 12,
            sync,
            quality: Quality { delay: (50, rng.random_range(300..=3_000)), ..Quality::CALM },
            pace: 10_000,
            faults: 0,
            weights: Vec::new(),
            collect_delay: 0,
        }
    }
}

/// A third of the kinds does not come at all, some come much more often than others.
fn draw_weight(rng: &mut ChaCha8Rng, kind: crate::fault::FaultKind) -> u32 {
    match rng.random_range(0..6) {
        0 | 1 => 0,
        2 | 3 => kind.usual_weight(),
        4 => 2 * kind.usual_weight(),
        _ => 6 * kind.usual_weight(),
    }
}

fn draw_quality(rng: &mut ChaCha8Rng) -> Quality {
    let noisy = rng.random_bool(0.5);
    Quality {
        delay: (50, rng.random_range(300..=8_000)),
        slow: if noisy { rng.random_range(0..30) } else { 0 },
        slow_max: rng.random_range(50_000..=2_500_000),
        lost: if noisy { rng.random_range(0..40) } else { 0 },
        doubled: if noisy { rng.random_range(0..40) } else { 0 },
    }
}
