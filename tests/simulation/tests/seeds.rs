//! The unmodified protocol under faults: many seeds, and the histories that its rules were made from.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use simulation::{History, Lines, Settings, run};

const SEEDS: u64 = 2000;
const EVENTS: u32 = 1000;

fn settings(seed: u64) -> Settings {
    Settings { seed, events: EVENTS, planted: None, history: None, lines: None }
}

/// Runs what is asked for on all processors; each run is by itself.
fn all_hold(runs: &[Settings]) {
    let next = AtomicU64::new(0);
    let work = || {
        while let Some(settings) = runs.get(usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap()) {
            let Some(violation) = run(settings).violation else { continue };
            let history = settings.history.map_or_else(String::new, |history| format!(" --history {}", history.name()));
            panic!("{violation}\nreplay: scripts/simulate.sh --seeds 1 --seed {}{history}", settings.seed);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
}

#[test]
fn two_thousand_seeds_of_a_thousand_events_hold() {
    all_hold(&(1..=SEEDS).map(settings).collect::<Vec<_>>());
}

#[test]
fn the_histories_behind_the_rules_hold_in_many_variants() {
    let variants = |history: History| (1..=40).map(move |seed| Settings { history: Some(history), ..settings(seed) });
    all_hold(&History::ALL.iter().copied().flat_map(variants).collect::<Vec<_>>());
}

#[test]
fn a_seed_run_twice_gives_the_same_trace() {
    for seed in [1, 7, 42, 1382] {
        let trace = || {
            let lines: Lines = Arc::new(Mutex::new(Vec::new()));
            let outcome = run(&Settings { lines: Some(lines.clone()), ..settings(seed) });
            let lines = std::mem::take(&mut *lines.lock().unwrap());
            (outcome.fingerprint, lines)
        };
        let (first, second) = (trace(), trace());
        assert!(first.1.len() > 1000, "seed {seed} has a trace");
        assert!(first == second, "seed {seed} gave two traces");
        assert_eq!(run(&settings(seed)).fingerprint, first.0, "the words change nothing");
    }
}
