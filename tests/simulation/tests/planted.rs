//! The simulator can fail: each rule taken out is noticed, by the history of that rule and by random events.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test")]

use std::process::Command;

use simulation::{History, Outcome, Planted, Settings, run};

/// A fault that random events do not show within so many seeds must be shown by its history.
const RANDOM_MAX: u64 = 400;
const VARIANTS_MAX: u64 = 300;

fn settings(planted: Planted, history: Option<History>, seed: u64) -> Settings {
    Settings { seed, events: 1000, planted: Some(planted), history, lines: None }
}

/// The first seed that notices, and what it noticed.
fn first(planted: Planted, history: Option<History>, seeds: u64) -> Option<(u64, String)> {
    (1..=seeds).find_map(|seed| {
        let Outcome { violation, .. } = run(&settings(planted, history, seed));
        violation.map(|violation| (seed, violation.check.to_owned()))
    })
}

fn in_words(found: Option<&(u64, String)>, seeds: u64) -> String {
    found.map_or_else(|| format!("none of {seeds} seeds"), |(seed, check)| format!("seed {seed} ('{check}')"))
}

/// A fault may break an assertion of the code under test; its message belongs to the run, not to the terminal.
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let result = work();
    std::panic::set_hook(hook);
    result
}

#[test]
fn every_planted_fault_is_caught() {
    let missed = quietly(|| {
        let mut missed = Vec::new();
        for planted in Planted::ALL.iter().copied() {
            let history = History::ALL.iter().copied().find(|history| history.shows() == Some(planted));
            let told = history.and_then(|history| first(planted, Some(history), VARIANTS_MAX));
            let drawn = first(planted, None, RANDOM_MAX);
            let told_words = history.map_or_else(
                || "no history of its own".to_owned(),
                |history| format!("history {}: {}", history.name(), in_words(told.as_ref(), VARIANTS_MAX)),
            );
            println!("{:32} random events: {}; {told_words}", planted.name(), in_words(drawn.as_ref(), RANDOM_MAX));
            if told.is_none() && drawn.is_none() {
                missed.push(planted.name());
            }
        }
        missed
    });
    assert!(missed.is_empty(), "not noticed: {missed:?}");
}

#[test]
fn every_history_shows_the_fault_that_it_names() {
    let shows = |history: History| {
        let planted = history.shows()?;
        first(planted, Some(history), VARIANTS_MAX).is_none().then(|| (history.name(), planted.name()))
    };
    let silent: Vec<_> = quietly(|| History::ALL.iter().copied().filter_map(shows).collect());
    assert!(silent.is_empty(), "histories that show nothing: {silent:?}");
}

#[test]
fn a_failing_seed_prints_its_trace_and_how_to_replay_it_and_exits_with_failure() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_simulation"));
    command.args(["--seeds", "50", "--seed", "1", "--events", "1000", "--plant", "failed-cas-from-overlay"]);
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success());
    assert!(text.contains("VIOLATION of 'linearizable per key'"), "{text}");
    let replay = text.lines().find(|line| line.starts_with("replay: scripts/simulate.sh --seeds 1 --seed ")).unwrap();
    assert!(replay.ends_with("--events 1000 --plant failed-cas-from-overlay"), "{replay}");
    assert!(text.lines().last().unwrap().contains("failed after"), "the last line is a summary");
}

#[test]
fn seeds_that_hold_end_with_a_summary() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_simulation")).args(["--seeds", "3", "--events", "200"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    assert!(text.lines().last().unwrap().starts_with("3 seeds of 200 events passed"), "{text}");
}
