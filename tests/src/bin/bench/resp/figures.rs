//! A line of the table: all sides, and the ratio of the first one's throughput to each other's.

use std::fmt;

use super::sides::Run;
use super::tool::Job;
use crate::report::{median, mib};

/// Columns that say what was asked.
const ASKED: [&str; 4] = ["command", "pipeline", "bytes", "connections"];
/// A narrower column would be in the way of its figures.
const WIDTH_MIN: usize = 5;

/// What all of them did.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// What was asked.
    pub(crate) job: Job,
    /// The runs of each side, Godwit first.
    pub(crate) runs: Vec<Vec<Run>>,
    names: Vec<&'static str>,
}

/// The head of the table, and what stands above it, for sides of these names.
#[must_use]
pub(crate) fn heading(names: &[&str]) -> String {
    let sides: Vec<_> = names.iter().map(|name| format!("{} is {name}", letter(name))).collect();
    let titles = titles(names);
    let rules = titles.iter().enumerate().map(|(number, title)| match number {
        0 => "-".repeat(width(title)),
        _ => format!("{}:", "-".repeat(width(title) - 1)),
    });
    let rules: Vec<_> = rules.collect();
    format!(
        "{}; CPU is that of all servers for 100,000 commands, memory that of all servers.\n\n{}\n{}",
        sides.join(", "),
        line(&titles, &titles),
        line(&titles, &rules)
    )
}

fn letter(name: &str) -> String {
    name.chars().take(1).collect::<String>().to_uppercase()
}

/// Of all columns.
fn titles(names: &[&str]) -> Vec<String> {
    let letters: Vec<_> = names.iter().map(|name| letter(name)).collect();
    let first = letters.first().map_or("", String::as_str);
    let mut titles: Vec<String> = ASKED.iter().map(|title| (*title).to_owned()).collect();
    titles.extend(letters.iter().map(|side| format!("{side} ops/s")));
    titles.extend(letters.iter().skip(1).map(|side| format!("{first}/{side}")));
    titles.extend(letters.iter().flat_map(|side| [format!("{side} P50 ms"), format!("{side} P99 ms")]));
    titles.extend(letters.iter().map(|side| format!("{side} CPU s")));
    titles.extend(letters.iter().map(|side| format!("{side} MiB")));
    titles
}

fn width(title: &str) -> usize {
    title.len().max(WIDTH_MIN)
}

/// As wide as the titles; the first column to the left, the others to the right.
fn line(titles: &[String], cells: &[String]) -> String {
    let cells = titles.iter().zip(cells).enumerate().map(|(number, (title, cell))| match (number, width(title)) {
        (0, width) => format!(" {cell:width$} |"),
        (_, width) => format!(" {cell:>width$} |"),
    });
    std::iter::once("|".to_owned()).chain(cells).collect()
}

impl Row {
    /// No runs yet, of sides of these names.
    pub(crate) fn new(job: Job, names: &[&'static str]) -> Self {
        Self { job, runs: vec![vec![]; names.len()], names: names.to_vec() }
    }

    /// Godwit's throughput as a share of each other's.
    pub(crate) fn ratios(&self) -> Vec<f64> {
        let rates = self.each(|run| run.seen.rate);
        let first = rates.first().copied().unwrap_or(f64::NAN);
        rates.iter().skip(1).map(|rate| first / rate).collect()
    }

    /// A figure of all sides.
    fn each(&self, figure: fn(&Run) -> f64) -> Vec<f64> {
        self.runs.iter().map(|runs| median(&runs.iter().map(figure).collect::<Vec<_>>())).collect()
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Job { test, pipeline, bytes, clients, .. } = self.job;
        let mut cells = vec![test.to_string(), pipeline.to_string(), bytes.to_string(), clients.to_string()];
        let mut add = |figures: Vec<f64>, digits: usize| {
            cells.extend(figures.into_iter().map(|figure| format!("{figure:.digits$}")));
        };
        add(self.each(|run| run.seen.rate), 0);
        add(self.ratios(), 2);
        let latencies = self.each(|run| run.seen.p50_ms).into_iter().zip(self.each(|run| run.seen.p99_ms));
        add(latencies.flat_map(|(p50, p99)| [p50, p99]).collect(), 2);
        add(self.each(|run| run.cpu_s), 2);
        add(self.each(|run| mib(run.resident)), 0);
        f.write_str(&line(&titles(&self.names), &cells))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tool::{Seen, Test};
    use super::*;

    const JOB: Job = Job { test: Test::Get, pipeline: 1, bytes: 3, clients: 50, keys: 10 };

    fn runs(rates: [f64; 3]) -> Vec<Run> {
        let seen = |rate| Seen { rate, p50_ms: 1.0, p99_ms: 2.0 };
        rates.map(|rate| Run { seen: seen(rate), cpu_s: 3.0, resident: 4 << 20 }).to_vec()
    }

    #[test]
    fn a_line_is_of_the_medians() {
        let mut row = Row::new(JOB, &["Godwit", "Redis", "etcd"]);
        row.runs = vec![runs([80.0, 1.0, 90.0]), runs([100.0, 100.0, 1e9]), runs([40.0, 40.0, 40.0])];
        let text = row.to_string();
        assert!(text.contains("|      80 |     100 |      40 |  0.80 |  2.00 |"), "{text}");
    }

    #[test]
    fn every_line_is_as_wide_as_its_head_whatever_the_number_of_sides() {
        for names in [&["Godwit", "Redis"][..], &["Godwit", "Redis", "etcd"]] {
            let mut row = Row::new(JOB, names);
            row.runs.fill(runs([1.0; 3]));
            let borders = |line: &str| line.match_indices('|').map(|(at, _)| at).collect::<Vec<_>>();
            for line in heading(names).lines().skip(2) {
                assert_eq!(borders(line), borders(&row.to_string()), "{line}");
            }
        }
    }
}
