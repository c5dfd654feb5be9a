//! The limits that all copies of a node share: the node's own, which operators change and which survives restarts, and
//! behind it the one that gives way to clients.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use common::clock::Clock;
use common::fs::{Throttle, create_dir_durable, read_checked, write_checked};
use common::rpc::rates::ForegroundRate;
use common::types::Time;
use parking_lot::Mutex;
use replica_state::migrate::{Pace, Seen};
use serde::{Deserialize, Serialize};

use super::options::MigrateOptions;
use crate::disk::layout;

const KIND: &str = "copy-rate";
const VERSION: u32 = 1;

/// The node's limits.
#[derive(Debug)]
pub struct Limits {
    home: PathBuf,
    default: u64,
    /// The highest P99 of clients at which copies do not give way.
    goal: Option<Duration>,
    node: Throttle,
    clients: Throttle,
    state: Mutex<State>,
    /// Held while the file is written.
    writing: Mutex<()>,
}

#[derive(Debug)]
struct State {
    chosen: Option<u64>,
    pace: Pace,
    p99: Option<Duration>,
    /// When the last second ended, what was copied until then, and during it per second.
    at: Time,
    copied: u64,
    rate: u64,
}

/// What an operator chose, as it is stored.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Chosen {
    /// `None`: what the settings say.
    max_rate_bytes_per_s: Option<u64>,
}

impl Limits {
    /// The limit that an operator chose, or that of the settings. A file that cannot be read is reported.
    #[must_use]
    pub fn open(options: &MigrateOptions, clock: &Clock) -> Self {
        let path = layout::copy_rate_file(&options.home);
        let chosen = match read_checked::<Chosen>(&path, KIND, VERSION) {
            Ok(chosen) => chosen.max_rate_bytes_per_s,
            Err(error) if error.is_absent() => None,
            Err(error) => {
                tracing::error!(%error, "the limit of copies is that of the settings");
                None
            }
        };
        let (home, default, goal) = (options.home.clone(), options.max_rate_bytes_per_s, options.max_foreground_p99);
        let clients = Throttle::new(0, clock.clone());
        let node = Throttle::new(chosen.unwrap_or(default), clock.clone()).behind(&clients);
        let state = State { chosen, pace: Pace::default(), p99: None, at: clock.mono(), copied: 0, rate: 0 };
        Self { home, default, goal, node, clients, state: Mutex::new(state), writing: Mutex::default() }
    }

    /// What stands behind the limit of each job, and of all learners.
    #[must_use]
    pub const fn throttle(&self) -> &Throttle {
        &self.node
    }

    /// The node's limit in bytes per second, and whether an operator chose it.
    pub(super) fn node(&self) -> (u64, bool) {
        (self.node.own_rate(), self.state.lock().chosen.is_some())
    }

    /// What the settings say.
    pub(super) const fn default(&self) -> u64 {
        self.default
    }

    /// Bytes per second that were copied during the last second.
    pub(super) fn rate(&self) -> u64 {
        self.state.lock().rate
    }

    /// How clients fare.
    pub(super) fn foreground(&self) -> ForegroundRate {
        let state = self.state.lock();
        ForegroundRate { max_p99: self.goal, p99: state.p99, limit_bytes_per_s: state.pace.limit() }
    }

    /// Changes the node's limit, durably before it holds; `None`: to what the settings say. Blocks.
    pub(super) fn choose(&self, max_rate_bytes_per_s: Option<u64>) -> io::Result<()> {
        let _turn = self.writing.lock();
        create_dir_durable(&layout::jobs_dir(&self.home))?;
        write_checked(&layout::copy_rate_file(&self.home), KIND, VERSION, &Chosen { max_rate_bytes_per_s })?;
        self.state.lock().chosen = max_rate_bytes_per_s;
        self.node.set_rate(max_rate_bytes_per_s.unwrap_or(self.default));
        Ok(())
    }

    /// A second has passed: measures the copies, and lets them give way to clients if they are to.
    pub(super) fn second(&self, now: Time, copied: u64, p99: Option<Duration>) {
        let mut state = self.state.lock();
        let micros = now.since(state.at).as_micros().max(1);
        let rate = u128::from(copied.saturating_sub(state.copied)) * 1_000_000 / micros;
        let rate = u64::try_from(rate).unwrap_or(u64::MAX);
        (state.at, state.copied, state.rate, state.p99) = (now, copied, rate, p99);
        let Some(goal) = self.goal else { return };
        let before = state.pace.limit();
        state.pace.step(goal, Seen { p99, copied: rate, ceiling: self.node.own_rate() });
        if state.pace.limit() != before {
            self.clients.adjust_rate(state.pace.limit().unwrap_or(0));
        }
    }
}

#[cfg(test)]
mod tests {
    use common::clock::ManualClock;

    use super::*;

    const MIB: u64 = 1 << 20;

    fn limits(home: &std::path::Path, goal: Option<Duration>) -> Limits {
        let options = MigrateOptions { max_foreground_p99: goal, ..MigrateOptions::new(home.to_owned()) };
        Limits::open(&options, &Clock::Manual(ManualClock::new()))
    }

    #[test]
    fn a_chosen_limit_survives_a_restart_and_default_goes_back_to_the_settings() {
        let home = tempfile::tempdir().unwrap();
        let open = || limits(home.path(), None);
        assert_eq!(open().node(), (100 * MIB, false));
        open().choose(Some(50 * MIB)).unwrap();
        assert_eq!(open().node(), (50 * MIB, true));
        open().choose(Some(0)).unwrap();
        assert_eq!(open().node(), (0, true), "none at all is a choice, too");
        open().choose(None).unwrap();
        assert_eq!(open().node(), (100 * MIB, false));
    }

    #[test]
    fn a_damaged_choice_gives_the_limit_of_the_settings() {
        let home = tempfile::tempdir().unwrap();
        limits(home.path(), None).choose(Some(1)).unwrap();
        std::fs::write(layout::copy_rate_file(home.path()), "nonsense").unwrap();
        assert_eq!(limits(home.path(), None).node(), (100 * MIB, false));
    }

    #[test]
    fn copies_give_way_to_slow_clients_only_if_they_are_to() {
        let home = tempfile::tempdir().unwrap();
        let slow = Some(Duration::from_millis(80));
        for (goal, expected) in [(None, 100 * MIB), (Some(Duration::from_millis(20)), 30 * MIB)] {
            let limits = limits(home.path(), goal);
            let start = limits.state.lock().at;
            limits.second(start + Duration::from_secs(1), 60 * MIB, slow);
            assert_eq!((limits.rate(), limits.throttle().rate()), (60 * MIB, expected));
            assert_eq!(limits.foreground().p99, slow);
        }
    }
}
