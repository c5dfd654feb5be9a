//! The only reader of clocks. Components are handed a [`Clock`]; tests hand in one that they move.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use crate::types::{Now, Time};

/// A source of time. Cloning shares it.
#[derive(Clone, Debug)]
pub enum Clock {
    /// CLOCK_BOOTTIME, which goes on while the machine sleeps, and the wall clock.
    System,
    /// Moved by a test.
    Manual(Arc<ManualClock>),
}

/// A clock that stands until it is moved.
#[derive(Debug)]
pub struct ManualClock {
    micros: AtomicU64,
}

impl ManualClock {
    /// Starts at an arbitrary point.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self { micros: AtomicU64::new(1_000_000_000) })
    }

    /// Moves time on.
    pub fn advance(&self, by: Duration) {
        self.micros.fetch_add(u64::try_from(by.as_micros()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }
}

impl Clock {
    /// The monotonic time.
    #[must_use]
    pub fn mono(&self) -> Time {
        match self {
            Self::System => {
                let now = clock_gettime(ClockId::Boottime);
                Time(now.tv_sec.unsigned_abs() * 1_000_000 + now.tv_nsec.unsigned_abs() / 1_000)
            }
            Self::Manual(clock) => Time(clock.micros.load(Ordering::SeqCst)),
        }
    }

    /// Unix milliseconds.
    #[must_use]
    pub fn wall_ms(&self) -> u64 {
        match self {
            Self::System => {
                #[allow(clippy::disallowed_methods, reason = "the clock itself")]
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
            }
            Self::Manual(clock) => clock.micros.load(Ordering::SeqCst) / 1000,
        }
    }

    /// Both, for a step of the protocol.
    #[must_use]
    pub fn now(&self) -> Now {
        Now { mono: self.mono(), wall_ms: self.wall_ms() }
    }
}
