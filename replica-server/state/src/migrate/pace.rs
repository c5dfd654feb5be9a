//! How much copies give way to the node's clients: additive increase, multiplicative decrease, once a second.
//!
//! ```text
//! P99 above the goal              half of what was copied, but never below the floor: a move always goes on
//! between 4/5 of it and the goal  as before
//! below, or nobody reads          an eighth more and a MiB/s; without limit again once it could not bind
//! ```

use std::time::Duration;

/// Copies are never held below this, in bytes per second. 1 MiB/s.
pub const FLOOR_BYTES_PER_S: u64 = 1 << 20;
/// What a limit gains each second at least, in bytes per second. 1 MiB/s.
const STEP_BYTES_PER_S: u64 = 1 << 20;
/// No disk copies faster: a limit above this is none. 8 GiB/s.
const BOUNDLESS_BYTES_PER_S: u64 = 8 << 30;

/// What the last second showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// P99 of the reads and writes of clients; `None`: there were none.
    pub p99: Option<Duration>,
    /// Bytes that were copied.
    pub copied: u64,
    /// The node's own limit, bytes per second; 0: none.
    pub ceiling: u64,
}

/// The limit for the clients' sake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    limit: Option<u64>,
}

impl Pace {
    /// What copies are held to, in bytes per second; `None`: they are not.
    #[must_use]
    pub const fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// Takes what the last second showed into account. Called about every second; `goal` is the highest P99 that is
    /// accepted.
    pub fn step(&mut self, goal: Duration, seen: Seen) {
        match seen.p99 {
            Some(p99) if p99 > goal => self.slow_down(seen.copied),
            Some(p99) if p99 > goal / 5 * 4 => {}
            Some(_) | None => self.speed_up(seen.ceiling),
        }
    }

    /// A second without copying says nothing of what copying costs.
    fn slow_down(&mut self, copied: u64) {
        if copied > 0 {
            let from = self.limit.map_or(copied, |limit| limit.min(copied));
            self.limit = Some((from / 2).max(FLOOR_BYTES_PER_S));
        }
    }

    fn speed_up(&mut self, ceiling: u64) {
        let bound = if ceiling == 0 { BOUNDLESS_BYTES_PER_S } else { ceiling };
        self.limit = self.limit.map(|limit| limit + (limit / 8).max(STEP_BYTES_PER_S)).filter(|next| *next < bound);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MIB: u64 = 1 << 20;
    const GOAL: Duration = Duration::from_millis(20);

    fn seen(p99_ms: u64, copied: u64) -> Seen {
        Seen { p99: Some(Duration::from_millis(p99_ms)), copied, ceiling: 0 }
    }

    #[test]
    fn slow_clients_halve_what_is_copied_and_fast_ones_give_it_back_slowly() {
        let mut pace = Pace::default();
        pace.step(GOAL, seen(21, 80 * MIB));
        assert_eq!(pace.limit(), Some(40 * MIB));
        pace.step(GOAL, seen(19, 40 * MIB));
        assert_eq!(pace.limit(), Some(40 * MIB), "near the goal it stays");
        pace.step(GOAL, seen(10, 40 * MIB));
        assert_eq!(pace.limit(), Some(45 * MIB));
    }

    #[test]
    fn a_limit_that_was_not_reached_is_not_what_is_halved() {
        let mut pace = Pace { limit: Some(400 * MIB) };
        pace.step(GOAL, seen(50, 30 * MIB));
        assert_eq!(pace.limit(), Some(15 * MIB));
    }

    #[test]
    fn nothing_is_concluded_from_a_second_without_copying() {
        let mut pace = Pace::default();
        pace.step(GOAL, seen(500, 0));
        assert_eq!(pace.limit(), None);
    }

    #[test]
    fn an_idle_node_copies_without_limit_again_and_a_limited_one_up_to_its_own() {
        for ceiling in [0, 100 * MIB] {
            let mut pace = Pace { limit: Some(FLOOR_BYTES_PER_S) };
            let seconds = (0..200).take_while(|_| {
                pace.step(GOAL, Seen { p99: None, copied: MIB, ceiling });
                pace.limit().is_some()
            });
            assert!(seconds.count() < 100, "it takes too long to recover");
        }
    }

    proptest! {
        #[test]
        fn a_move_always_goes_on_and_every_step_goes_the_right_way(
            seconds in proptest::collection::vec((proptest::option::of(0_u64..100), 0_u64..(2 << 30), 0_u64..(1 << 30)), 1..200)
        ) {
            let mut pace = Pace::default();
            for (p99_ms, copied, ceiling) in seconds {
                let before = pace.limit().unwrap_or(u64::MAX);
                let p99 = p99_ms.map(Duration::from_millis);
                pace.step(GOAL, Seen { p99, copied, ceiling });
                let after = pace.limit().unwrap_or(u64::MAX);
                prop_assert!(after >= FLOOR_BYTES_PER_S);
                if p99.is_some_and(|p99| p99 > GOAL) {
                    prop_assert!(after <= before.max(FLOOR_BYTES_PER_S));
                    prop_assert!(copied == 0 || after <= (copied / 2).max(FLOOR_BYTES_PER_S));
                } else {
                    prop_assert!(after >= before);
                }
            }
        }

        #[test]
        fn clients_that_stay_slow_bring_any_copy_to_the_floor(first in MIB..(4_u64 << 30)) {
            let mut pace = Pace::default();
            let mut copied = first;
            for _ in 0..16 {
                pace.step(GOAL, seen(1000, copied));
                copied = copied.min(pace.limit().unwrap());
            }
            prop_assert_eq!(pace.limit(), Some(FLOOR_BYTES_PER_S));
        }
    }
}
