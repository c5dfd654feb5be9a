//! How far back the log is kept although everything is flushed, so that whoever was away for a moment learns by log.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use common::types::{Decree, Gpid, Time};
use parking_lot::Mutex;

/// Where each replica was a while ago.
#[derive(Debug)]
pub(crate) struct Retention {
    keep: Duration,
    histories: Mutex<BTreeMap<Gpid, VecDeque<(Time, Decree)>>>,
}

impl Retention {
    /// The mutations of the last `keep` stay in the log.
    pub(crate) fn new(keep: Duration) -> Self {
        Self { keep, histories: Mutex::default() }
    }

    /// Notes where a replica is now and returns where it was `keep` ago (0 if it did not run then): what comes after
    /// that is kept.
    pub(crate) fn note(&self, gpid: Gpid, now: Time, applied: Decree) -> Decree {
        let mut histories = self.histories.lock();
        let history = histories.entry(gpid).or_default();
        history.push_back((now, applied));
        while history.get(1).is_some_and(|(at, _)| now.since(*at) >= self.keep) {
            history.pop_front();
        }
        history.front().filter(|(at, _)| now.since(*at) >= self.keep).map_or(Decree(0), |(_, decree)| *decree)
    }

    /// Forgets replicas that no longer run.
    pub(crate) fn retain(&self, runs: impl Fn(Gpid) -> bool) {
        self.histories.lock().retain(|gpid, _| runs(*gpid));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_minute_is_kept() {
        let (retention, gpid) = (Retention::new(Duration::from_secs(60)), Gpid::new(1, 0));
        let at = |seconds: u64| Time(seconds * 1_000_000);
        assert_eq!(retention.note(gpid, at(0), Decree(5)), Decree(0));
        assert_eq!(retention.note(gpid, at(30), Decree(9)), Decree(0));
        assert_eq!(retention.note(gpid, at(60), Decree(12)), Decree(5));
        assert_eq!(retention.note(gpid, at(91), Decree(20)), Decree(9));
    }
}
