//! One run: build up, let clients work under faults, heal, verify.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::check::Violation;
use crate::happening::Happening;
use crate::planted::Planted;
use crate::scenario::History;
use crate::trace::Lines;
use crate::world::World;

/// Simulated time in which a new cluster must have become healthy, in microseconds.
const BUILDING: u64 = 60_000_000;

/// What to run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Decides everything.
    pub seed: u64,
    /// Client operations and faults.
    pub events: u32,
    /// A rule taken out.
    pub planted: Option<Planted>,
    /// Instead of random events: a history told step by step, in which the seed varies the delays.
    pub history: Option<History>,
    /// Where the trace goes, if it is wanted.
    pub lines: Option<Lines>,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The rule that was broken, if one was.
    pub violation: Option<Violation>,
    /// Equal for equal runs.
    pub fingerprint: u64,
    /// What happened in all: packets, disk operations, steps.
    pub happenings: u64,
    /// Operations of clients that were answered, of all.
    pub operations: (usize, usize),
    /// Simulated time, in microseconds.
    pub simulated: u64,
}

/// Runs a seed to its end, or to the first broken rule; a panic of the code under test is one.
#[must_use]
pub fn run(settings: &Settings) -> Outcome {
    let mut world = World::new(settings);
    let panicked = catch_unwind(AssertUnwindSafe(|| live(&mut world, settings))).err();
    if let Some(panic) = panicked {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        world.violated("no invariant of the code under test fails", text.unwrap_or_default());
    }
    Outcome {
        fingerprint: world.trace.fingerprint(),
        happenings: world.trace.happenings,
        operations: world.history.answered(),
        simulated: world.now,
        violation: world.violation,
    }
}

fn live(world: &mut World, settings: &Settings) {
    while world.violation.is_none() && !world.all_is_well() {
        if world.now > BUILDING {
            return world.violated("a new cluster becomes healthy", "it did not".to_owned());
        }
        world.run_until(world.now + 50_000);
    }
    match settings.history {
        None => work(world),
        Some(history) => history.tell(world),
    }
    if world.violation.is_none() {
        world.heal_and_verify();
    }
}

/// Clients work while faults happen.
fn work(world: &mut World) {
    world.queue.push(world.now, Happening::Action);
    while world.violation.is_none() && world.actions_left > 0 {
        world.run_until(world.now + 50_000);
    }
}
