//! What happens when: drawn from a seed, and nothing but that.

use std::fmt;

use rand::seq::IndexedRandom as _;
use rand::{Rng, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::Options;
use super::fault::{Fault, Party, Target, Way, Who};

/// The clients get to work first.
const FIRST_MS: u64 = 1500;
const GAP_MS: std::ops::RangeInclusive<u64> = 500..=5000;
const MOVE_GAP_MS: std::ops::RangeInclusive<u64> = 1500..=6000;
/// Moves from as slow as this, so that faults meet them in every state.
const RATE_MIN: u64 = 50_000;

/// What moves beneath the faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Beneath {
    /// Nothing.
    Nothing,
    /// Replicas between the disks of their nodes.
    Disks,
    /// Replicas between nodes.
    Regions,
    /// Both.
    Both,
}

/// A fault, and when it begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) at_ms: u64,
    /// 0 for what has no end.
    pub(super) lasts_ms: u64,
    pub(super) fault: Fault,
}

/// All of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    pub(super) beneath: Beneath,
    /// Settings of the replica servers.
    pub(super) settings: Vec<(&'static str, String)>,
    /// Settings of the meta server.
    pub(super) meta_settings: Vec<(&'static str, String)>,
    /// In order of time.
    pub(super) steps: Vec<Step>,
}

/// Draws one.
pub(super) fn draw(options: &Options) -> Schedule {
    let mut random = ChaCha8Rng::seed_from_u64(options.seed);
    let all = [Beneath::Nothing, Beneath::Disks, Beneath::Regions, Beneath::Both];
    let drawn = *all.choose(&mut random).unwrap_or(&Beneath::Nothing);
    let beneath = options.beneath.unwrap_or(drawn);
    let (settings, meta_settings) = (settings(&mut random), meta_settings(&mut random));
    let mut steps = faults(options, &mut random);
    if matches!(beneath, Beneath::Disks | Beneath::Both) {
        steps.extend(disk_moves(options, &mut random));
    }
    if matches!(beneath, Beneath::Regions | Beneath::Both) {
        steps.extend(region_moves(options, &mut random));
    }
    steps.sort_by_key(|step| step.at_ms);
    Schedule { beneath, settings, meta_settings, steps }
}

/// Small buffers and logs in some runs: learning by log and by checkpoint, flushes and new segments beside the faults.
fn settings(random: &mut impl Rng) -> Vec<(&'static str, String)> {
    let mut pick = |key, values: &[&str]| (key, (*values.choose(random).unwrap_or(&"")).to_owned());
    vec![
        ("storage.cache", "32MiB".to_owned()),
        pick("storage.write_buffer", &["4MiB", "64MiB"]),
        pick("log.segment", &["1MiB", "64MiB"]),
        pick("log.keep", &["1s", "60s"]),
        pick("replication.cache_bytes", &["16KiB", "8MiB"]),
    ]
}

/// In some runs copies are made anew of nodes that come back a moment later. However often they do, they are taken back.
fn meta_settings(random: &mut impl Rng) -> Vec<(&'static str, String)> {
    let lost = (*["4s", "600s"].choose(random).unwrap_or(&"600s")).to_owned();
    vec![("replica_lost_delay", lost), ("node_steady_after", "0s".to_owned())]
}

fn faults(options: &Options, random: &mut impl Rng) -> Vec<Step> {
    let (end_ms, mut at_ms, mut steps) = (options.seconds * 1000, FIRST_MS, vec![]);
    while at_ms < end_ms {
        let fault = fault(options, random);
        let lasts_ms = lasts(fault, random);
        steps.push(Step { at_ms, lasts_ms, fault });
        at_ms += random.random_range(GAP_MS);
    }
    steps
}

fn disk_moves(options: &Options, random: &mut impl Rng) -> Vec<Step> {
    moves(options, random, |random| {
        let (node, pick) = (random.random_range(0..options.nodes), random.random_range(0..1000));
        Fault::DiskMove { node, pick, max_rate_bytes_per_s: RATE_MIN << random.random_range(0..8) }
    })
}

fn region_moves(options: &Options, random: &mut impl Rng) -> Vec<Step> {
    moves(options, random, |random| Fault::RegionMove {
        partition: partition(options, random),
        pick: random.random_range(0..1000),
    })
}

fn moves<R: Rng>(options: &Options, random: &mut R, mut next: impl FnMut(&mut R) -> Fault) -> Vec<Step> {
    let (end_ms, mut at_ms, mut steps) = (options.seconds * 1000, FIRST_MS, vec![]);
    while at_ms < end_ms {
        steps.push(Step { at_ms, lasts_ms: 0, fault: next(random) });
        at_ms += random.random_range(MOVE_GAP_MS);
    }
    steps
}

fn fault(options: &Options, random: &mut impl Rng) -> Fault {
    let who = who(options, random);
    match random.random_range(0..20) {
        0..=8 => cut(options, who, random),
        9..=11 => Fault::Pause(Target::Node(who)),
        12 => Fault::Pause(Target::Meta),
        13..=15 => Fault::Kill(Target::Node(who)),
        16 => Fault::Kill(Target::Meta),
        17 => Fault::Stop(who),
        _ => Fault::HandOver { partition: partition(options, random), pick: random.random_range(0..1000) },
    }
}

fn cut(options: &Options, who: Who, random: &mut impl Rng) -> Fault {
    let way = *[Way::Both, Way::Both, Way::There, Way::Back].choose(random).unwrap_or(&Way::Both);
    let (one, client) = (Party::One(who), Party::Client(random.random_range(0..super::CLIENTS)));
    let (left, right) = match random.random_range(0..12) {
        0..=2 => (one, Party::Nodes),
        3..=4 => (one, Party::One(Who::Node(random.random_range(0..options.nodes)))),
        5..=6 => (one, Party::Meta),
        7..=8 => (one, client),
        9 => (one, Party::Everybody),
        10 => (Party::Meta, Party::Everybody),
        _ => (client, Party::Meta),
    };
    Fault::Cut(left, right, way)
}

fn who(options: &Options, random: &mut impl Rng) -> Who {
    if random.random_bool(0.6) {
        Who::PrimaryOf(partition(options, random))
    } else {
        Who::Node(random.random_range(0..options.nodes))
    }
}

fn partition(options: &Options, random: &mut impl Rng) -> u32 {
    random.random_range(0..options.partitions)
}

/// Some end before anybody notices, some long after every lease and timeout.
fn lasts(fault: Fault, random: &mut impl Rng) -> u64 {
    match fault {
        Fault::Cut(..) | Fault::Pause(_) => random.random_range(300..=10_000),
        Fault::Kill(_) | Fault::Stop(_) => random.random_range(100..=8000),
        Fault::HandOver { .. } | Fault::DiskMove { .. } | Fault::RegionMove { .. } => 0,
    }
}

impl fmt::Display for Beneath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Nothing => "-",
            Self::Disks => "disks",
            Self::Regions => "regions",
            Self::Both => "both",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_drawn_twice_is_equal_and_another_is_not() {
        let options = Options { seed: 42, ..Options::default() };
        assert_eq!(draw(&options), draw(&options));
        assert_ne!(draw(&options).steps, draw(&Options { seed: 43, ..options }).steps);
    }

    #[test]
    fn every_kind_of_fault_comes_up_and_all_within_the_run() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..50 {
            let schedule = draw(&Options { seed, ..Options::default() });
            assert!(schedule.steps.is_sorted_by_key(|step| step.at_ms) && schedule.steps.len() > 10);
            assert!(schedule.steps.iter().all(|step| step.at_ms < 60_000));
            seen.extend(schedule.steps.iter().filter_map(|step| {
                let text = step.fault.to_string();
                text.split(' ').next().map(str::to_owned)
            }));
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["cut", "hand", "kill", "move", "pause", "stop"]);
    }
}
