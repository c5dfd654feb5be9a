//! What a run was and what it found; what many runs did.

use std::fmt;
use std::path::PathBuf;

use super::redis_caller;
use super::schedule::Beneath;
use crate::history::{Looks, Operation, Outcome, looks};

/// One run.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// What moved beneath.
    pub beneath: Beneath,
    /// Faults that happened.
    pub faults: usize,
    /// Moves that began.
    pub moves: usize,
    /// Operations.
    pub operations: Counted,
    /// Seconds from the end of all faults until everything was whole.
    pub healed_s: Option<f64>,
    /// What was found wrong. There must be nothing.
    pub failures: Vec<String>,
    /// Where logs and data are kept, if something was wrong.
    pub kept: Option<PathBuf>,
}

/// Operations by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Answered.
    pub answered: usize,
    /// Of unknown outcome.
    pub unknown: usize,
    /// Surely without effect.
    pub never: usize,
    /// Answered to Redis clients, of those that were answered.
    pub redis: usize,
    /// Of these, to those that ask secondaries too.
    pub looks: Looks,
}

impl Counted {
    /// Counts them.
    #[must_use]
    pub fn of(operations: &[Operation]) -> Self {
        let mut counted = Self { looks: looks(operations), ..Self::default() };
        for operation in operations {
            match operation.outcome {
                Outcome::Answered(..) => {
                    counted.answered += 1;
                    counted.redis += usize::from(operation.client >= redis_caller::FIRST);
                }
                Outcome::Open => counted.unknown += 1,
                Outcome::Never => counted.never += 1,
            }
        }
        counted
    }
}

impl Report {
    /// The head of the table whose lines reports are.
    #[must_use]
    pub const fn heading() -> &'static str {
        "| seed | beneath | faults | moves | answered | to Redis | looks | late | unknown | not done | healed s | found |\n\
         |-----:|---------|-------:|------:|---------:|---------:|------:|-----:|--------:|---------:|---------:|-------|"
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counted { answered, unknown, never, redis, looks } = self.operations;
        let healed = self.healed_s.map_or_else(|| "-".to_owned(), |s| format!("{s:.1}"));
        let found = if self.failures.is_empty() { "nothing" } else { "FAILED" };
        write!(f, "| {:4} | {:7} | {:6} | {:5} |", self.seed, self.beneath, self.faults, self.moves)?;
        write!(f, " {answered:8} | {redis:8} | {:5} | {:4} |", looks.answered, looks.late)?;
        write!(f, " {unknown:7} | {never:8} | {healed:>8} | {found} |")
    }
}

/// Many runs.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    runs: usize,
    answered: usize,
    looks: usize,
    late: usize,
    unknown: usize,
    failed: Vec<u64>,
}

impl Summary {
    /// Counts a run.
    pub fn add(&mut self, report: &Report) {
        self.runs += 1;
        self.answered += report.operations.answered;
        self.unknown += report.operations.unknown;
        self.looks += report.operations.looks.answered;
        self.late += report.operations.looks.late;
        if !report.failures.is_empty() {
            self.failed.push(report.seed);
        }
    }

    /// Whether nothing was wrong.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.failed.is_empty()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, answered, looks, late, unknown, failed } = self;
        write!(f, "{runs} runs, {answered} operations answered, {unknown} of unknown outcome, ")?;
        write!(f, "{looks} looks at secondaries, {late} of them late: ")?;
        if failed.is_empty() { write!(f, "nothing found") } else { write!(f, "FAILED with seeds {failed:?}") }
    }
}
