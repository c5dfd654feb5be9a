//! What one kill cost, and what all of them did.

use std::fmt;

use anyhow::Result;
use hdrhistogram::Histogram;

use crate::report::Verdict;

/// Writes are to be acknowledged again on every partition within this.
const GOAL_S: f64 = 4.0;
const SECONDS_MAX: u64 = 600;

/// One kill: seconds until writes were acknowledged again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kill {
    /// Partitions that the node led.
    pub(crate) partitions_led: usize,
    /// On all of those.
    pub(crate) led: Option<f64>,
    /// On all that it followed.
    pub(crate) followed: Option<f64>,
    /// From its restart until every partition had all its members again.
    pub(crate) whole: f64,
}

impl Kill {
    fn all(&self) -> Option<f64> {
        super::slowest(self.led.into_iter().chain(self.followed))
    }
}

impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |time: Option<f64>| time.map_or_else(|| "-".to_owned(), |s| format!("{s:.2} s"));
        write!(f, "{} partitions led {}, ", self.partitions_led, seconds(self.led))?;
        write!(f, "those followed {}, whole {:.1} s after the restart", seconds(self.followed), self.whole)
    }
}

/// The table and its verdict.
///
/// # Errors
/// Never, in fact: the bounds of a histogram.
pub(crate) fn table(kills: &[Kill]) -> Result<String> {
    let mut lines = vec![
        "| writes acknowledged again | kills | P50 s | P99 s | max s |".to_owned(),
        "|---------------------------|------:|------:|------:|------:|".to_owned(),
        row("on all partitions it led", kills.iter().filter_map(|kill| kill.led))?,
        row("on all it only followed", kills.iter().filter_map(|kill| kill.followed))?,
        row("on all its partitions", kills.iter().filter_map(Kill::all))?,
        row("whole after the restart", kills.iter().map(|kill| kill.whole))?,
    ];
    let worst = super::slowest(kills.iter().filter_map(Kill::all)).unwrap_or(f64::NAN);
    lines.push("\n| what | found | goal | |\n|------|------:|-----:|---|".to_owned());
    lines.push(Verdict::at_most("slowest kill, all its partitions, s", worst, GOAL_S).to_string());
    Ok(lines.join("\n"))
}

fn row(what: &str, seconds: impl Iterator<Item = f64>) -> Result<String> {
    let mut seen = Histogram::<u64>::new_with_bounds(1, SECONDS_MAX * 1000, 3)?;
    seconds.for_each(|s| seen.saturating_record((s * 1000.0) as u64));
    let at = |quantile| seen.value_at_quantile(quantile) as f64 / 1000.0;
    let (p50, p99, max) = (at(0.5), at(0.99), seen.max() as f64 / 1000.0);
    Ok(format!("| {what:25} | {:5} | {p50:5.2} | {p99:5.2} | {max:5.2} |", seen.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kill_is_as_slow_as_its_slowest_partition() {
        let quick = Kill::new(vec![1.0, 3.0], vec![2.0], 5.0);
        let slow = Kill::new(vec![1.0], vec![5.0, 2.0], 5.0);
        assert_eq!((quick.led, quick.all(), slow.all()), (Some(3.0), Some(3.0), Some(5.0)));
        let table = table(&[quick, slow]).unwrap();
        assert!(table.contains("| on all partitions it led  |     2 |  1.00 |  3.00 |  3.00 |"), "{table}");
        assert!(table.contains("missed"), "{table}");
    }
}
