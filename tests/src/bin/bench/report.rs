//! Figures as they are printed, and what they are measured against.

use std::fmt;
use std::io::Write;

/// A figure and its goal.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    what: String,
    found: String,
    goal: String,
    is_met: bool,
}

impl Verdict {
    /// A figure that is to be at least its goal.
    pub(crate) fn at_least(what: impl Into<String>, found: f64, goal: f64) -> Self {
        Self { what: what.into(), found: format!("{found:.2}"), goal: format!("≥ {goal}"), is_met: found >= goal }
    }

    /// A figure that is to be at most its goal.
    pub(crate) fn at_most(what: impl Into<String>, found: f64, goal: f64) -> Self {
        Self { what: what.into(), found: format!("{found:.2}"), goal: format!("≤ {goal}"), is_met: found <= goal }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let met = if self.is_met { "met" } else { "missed" };
        write!(f, "| {} | {} | {} | {met} |", self.what, self.found, self.goal)
    }
}

/// Prints a line at once: a long run shows how far it is.
pub(crate) fn say(line: &str) {
    println!("{line}");
    let _ = std::io::stdout().flush();
}

/// Prints what was found against the goals.
pub(crate) fn summary(verdicts: &[Verdict]) {
    if verdicts.is_empty() {
        return;
    }
    say("\n#### Against the goals\n\n| what | found | goal | |\n|------|------:|-----:|---|");
    verdicts.iter().for_each(|verdict| say(&verdict.to_string()));
}

/// The middle of several figures; of an even number the lower of the two in the middle.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

/// Bytes in MiB.
pub(crate) fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_does_not_care_for_order_or_for_one_that_is_far_off() {
        assert_eq!(median(&[3.0, 1.0, 900.0, 2.0, 4.0]).total_cmp(&3.0), std::cmp::Ordering::Equal);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn a_missed_goal_says_so() {
        assert!(Verdict::at_least("x", 0.9, 0.95).to_string().contains("missed"));
        assert!(Verdict::at_most("x", 0.9, 0.95).to_string().contains("met"));
    }
}
