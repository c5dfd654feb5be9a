//! Where the time of a move's window goes, from CLOSED to COMPLETED: the time in which the partition has a copy less.

use std::fmt;
use std::time::Duration;

use common::types::Time;

/// Steps of a window with the time that each took. One that a crash cut begins anew, and says so by what it lacks.
#[derive(Debug, Default)]
pub(super) struct Window {
    last: Option<Time>,
    steps: Vec<(&'static str, Duration)>,
}

impl Window {
    /// The window opens.
    pub(super) fn open(now: Time) -> Self {
        Self { last: Some(now), steps: Vec::new() }
    }

    /// A step is over. A step that is tried again counts each time.
    pub(super) fn step(&mut self, name: &'static str, now: Time) {
        let took = self.last.replace(now).map(|last| now.since(last));
        self.steps.extend(took.map(|took| (name, took)));
    }
}

/// `close 3.1, seal 0.9, …`, in milliseconds.
impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, took)) in self.steps.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{name} {:.1}", took.as_secs_f64() * 1000.0)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_add_up_to_the_window() {
        let at = |ms| Time::default() + Duration::from_millis(ms);
        let mut window = Window::open(at(10));
        window.step("close", at(13));
        window.step("seal", at(14));
        assert_eq!(window.to_string(), "close 3.0, seal 1.0");
    }
}
