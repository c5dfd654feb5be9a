//! A line of the table: both sides, and their ratio.

use std::fmt;

use super::sides::Run;
use super::tool::Job;
use crate::report::{median, mib};

/// What both did.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// What was asked.
    pub(crate) job: Job,
    /// Godwit's runs.
    pub(crate) godwit: Vec<Run>,
    /// Redis' runs.
    pub(crate) redis: Vec<Run>,
}

/// The head of the table. G is Godwit, R is Redis.
#[must_use]
pub(crate) fn heading() -> String {
    "G is Godwit, R is Redis; CPU is that of all servers for 100,000 commands, memory that of all servers.\n\n\
     | command | pipeline | bytes | connections | G ops/s | R ops/s | ratio | G P50 ms | G P99 ms | R P50 ms | R P99 ms | G CPU s | R CPU s | G MiB | R MiB |\n\
     |---------|---------:|------:|------------:|--------:|--------:|------:|---------:|---------:|---------:|---------:|--------:|--------:|------:|------:|"
        .to_owned()
}

impl Row {
    /// Godwit's throughput as a share of Redis'.
    pub(crate) fn ratio(&self) -> f64 {
        rate(&self.godwit) / rate(&self.redis)
    }
}

fn of(runs: &[Run], figure: fn(&Run) -> f64) -> f64 {
    median(&runs.iter().map(figure).collect::<Vec<_>>())
}

fn rate(runs: &[Run]) -> f64 {
    of(runs, |run| run.seen.rate)
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Job { test, pipeline, bytes, clients, .. } = self.job;
        write!(f, "| {test:7} | {pipeline:8} | {bytes:5} | {clients:11} |")?;
        write!(f, " {:7.0} | {:7.0} | {:5.2} |", rate(&self.godwit), rate(&self.redis), self.ratio())?;
        let sides = [&self.godwit, &self.redis];
        for side in sides {
            write!(f, " {:8.2} | {:8.2} |", of(side, |run| run.seen.p50_ms), of(side, |run| run.seen.p99_ms))?;
        }
        for side in sides {
            write!(f, " {:7.2} |", of(side, |run| run.cpu_s))?;
        }
        for side in sides {
            write!(f, " {:5.0} |", of(side, |run| mib(run.resident)))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tool::{Seen, Test};
    use super::*;

    fn run(rate: f64) -> Run {
        Run { seen: Seen { rate, p50_ms: 1.0, p99_ms: 2.0 }, cpu_s: 3.0, resident: 4 << 20 }
    }

    #[test]
    fn a_line_is_of_the_medians_and_as_wide_as_its_head() {
        let job = Job { test: Test::Get, pipeline: 1, bytes: 3, clients: 50, keys: 10 };
        let row =
            Row { job, godwit: [80.0, 1.0, 90.0].map(run).to_vec(), redis: [100.0, 100.0, 1e9].map(run).to_vec() };
        let text = row.to_string();
        assert!(text.contains("|      80 |     100 |  0.80 |"), "{text}");
        let columns = |line: &str| line.matches('|').count();
        assert_eq!(columns(&text), columns(heading().lines().last().unwrap()));
    }
}
