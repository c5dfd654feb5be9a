//! What held a copy back during a sample: where it waited longest, if it waited for a share of the time that matters.

use std::time::Duration;

use common::job::ThrottledBy;

/// Waits below this share of the sample, in percent, hold nobody back.
const SHARE_PERCENT: u32 = 5;

/// Decides from the time that the copy waited for each limit, in the order of [`ThrottledBy::ALL`], during a sample.
#[must_use]
pub fn throttled_by(waited: &[Duration], sample: Duration) -> Option<ThrottledBy> {
    let (by, longest) = ThrottledBy::ALL.into_iter().zip(waited).max_by_key(|(_, waited)| **waited)?;
    (!longest.is_zero() && *longest >= sample * SHARE_PERCENT / 100).then_some(by)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(waited_ms: [u64; 3]) -> Option<ThrottledBy> {
        throttled_by(&waited_ms.map(Duration::from_millis), Duration::from_secs(1))
    }

    #[test]
    fn the_longest_wait_is_what_holds_a_copy_back() {
        assert_eq!(by([600, 300, 0]), Some(ThrottledBy::RateLimit));
        assert_eq!(by([0, 300, 200]), Some(ThrottledBy::NodeLimit));
        assert_eq!(by([0, 100, 800]), Some(ThrottledBy::ForegroundP99));
    }

    #[test]
    fn a_copy_that_hardly_waits_is_not_held_back() {
        assert_eq!(by([0, 49, 0]), None);
        assert_eq!(throttled_by(&[], Duration::ZERO), None);
    }
}
