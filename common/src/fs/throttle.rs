//! A token bucket whose rate can be changed while it is used, by blocking threads and by tasks.
//!
//! Throttles can stand behind each other: who takes from a job's own takes from that of its node, too.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::types::Time;

/// How long a burst may be: so much time's worth of tokens is kept.
const BURST: Duration = Duration::from_millis(100);
/// A waiting thread looks at the rate and at the cancellation at least this often.
const LOOK: Duration = Duration::from_millis(50);

/// A limit in bytes per second. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Throttle {
    bucket: Arc<Mutex<Bucket>>,
    clock: Clock,
    /// Microseconds that threads waited here, those of other handles on the same bucket not included.
    waited: Arc<AtomicU64>,
    /// What has to be passed after this one.
    outer: Option<Arc<Throttle>>,
}

/// The wait was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

#[derive(Debug)]
struct Bucket {
    /// Bytes per second; 0: no limit.
    rate: u64,
    /// Bytes that may pass now; below zero: a debt that has to be waited for.
    tokens: i128,
    filled_at: Time,
}

impl Throttle {
    /// A limit of `rate` bytes per second; 0: none.
    #[must_use]
    pub fn new(rate: u64, clock: Clock) -> Self {
        let bucket = Bucket { rate, tokens: 0, filled_at: clock.mono() };
        Self { bucket: Arc::new(Mutex::new(bucket)), clock, waited: Arc::default(), outer: None }
    }

    /// The same limit, and behind it another that many may share. What is waited for there is counted for this handle
    /// alone.
    #[must_use]
    pub fn behind(self, outer: &Self) -> Self {
        Self { outer: Some(Arc::new(outer.counting_anew())), ..self }
    }

    /// A handle on the same buckets that counts its own waits.
    fn counting_anew(&self) -> Self {
        let outer = self.outer.as_deref().map(Self::counting_anew).map(Arc::new);
        Self { waited: Arc::default(), outer, ..self.clone() }
    }

    /// No limit until one is set.
    #[must_use]
    pub fn unlimited() -> Self {
        Self::new(0, Clock::System)
    }

    /// Changes the limit; who waits notices within 50 ms.
    pub fn set_rate(&self, rate: u64) {
        let mut bucket = self.bucket.lock();
        bucket.fill(self.clock.mono());
        // A debt made at the old rate is not carried into a faster one.
        (bucket.rate, bucket.tokens) = (rate, bucket.tokens.max(0));
    }

    /// As [`Self::set_rate`], but what was taken already is paid for at the new rate: for a limit that is adjusted all
    /// the time.
    pub fn adjust_rate(&self, rate: u64) {
        let mut bucket = self.bucket.lock();
        bucket.fill(self.clock.mono());
        (bucket.rate, bucket.tokens) = (rate, if rate == 0 { 0 } else { bucket.tokens });
    }

    /// The limit in bytes per second, the smallest if others stand behind; 0: none.
    #[must_use]
    pub fn rate(&self) -> u64 {
        let (own, outer) = (self.own_rate(), self.outer.as_ref().map_or(0, |outer| outer.rate()));
        [own, outer].into_iter().filter(|rate| *rate > 0).min().unwrap_or(0)
    }

    /// The limit of this one alone.
    #[must_use]
    pub fn own_rate(&self) -> u64 {
        self.bucket.lock().rate
    }

    /// How long threads waited for this one so far, and for each that stands behind it, in order. A wait that goes on
    /// counts already.
    #[must_use]
    pub fn waits(&self) -> Vec<Duration> {
        let own = Duration::from_micros(self.waited.load(Ordering::Relaxed));
        std::iter::once(own).chain(self.outer.iter().flat_map(|outer| outer.waits())).collect()
    }

    /// Takes `bytes` and blocks the calling thread until they may pass.
    ///
    /// # Errors
    /// [`Cancelled`] once the token is cancelled.
    pub fn take_blocking(&self, bytes: u64, cancel: &CancellationToken) -> Result<(), Cancelled> {
        let mut wait = self.debit(bytes);
        while !wait.is_zero() && !cancel.is_cancelled() {
            let pause = wait.min(LOOK);
            std::thread::sleep(pause);
            self.note(pause);
            wait = self.debit(0);
        }
        match &self.outer {
            _ if cancel.is_cancelled() => Err(Cancelled),
            Some(outer) => outer.take_blocking(bytes, cancel),
            None => Ok(()),
        }
    }

    /// Takes `bytes` and waits until they may pass.
    pub async fn take(&self, bytes: u64) {
        let mut wait = self.debit(bytes);
        while !wait.is_zero() {
            let pause = wait.min(LOOK);
            tokio::time::sleep(pause).await;
            self.note(pause);
            wait = self.debit(0);
        }
        if let Some(outer) = &self.outer {
            Box::pin(outer.take(bytes)).await;
        }
    }

    fn note(&self, waited: Duration) {
        self.waited.fetch_add(u64::try_from(waited.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn debit(&self, bytes: u64) -> Duration {
        self.bucket.lock().debit(bytes, self.clock.mono())
    }
}

impl Bucket {
    fn fill(&mut self, now: Time) {
        let micros = now.since(self.filled_at).as_micros();
        let gained = i128::try_from(micros.saturating_mul(u128::from(self.rate)) / 1_000_000).unwrap_or(i128::MAX);
        // Time too short for a whole token is not thrown away.
        if gained > 0 || self.rate == 0 {
            self.filled_at = now;
        }
        let burst = i128::from(self.rate) * i128::try_from(BURST.as_millis()).unwrap_or(0) / 1000;
        self.tokens = self.tokens.saturating_add(gained).min(burst);
    }

    /// Takes tokens, into debt if need be, and says how long to wait until the debt is paid.
    fn debit(&mut self, bytes: u64, now: Time) -> Duration {
        self.fill(now);
        if self.rate == 0 {
            return Duration::ZERO;
        }
        self.tokens -= i128::from(bytes);
        let debt = u128::try_from(-self.tokens).unwrap_or(0);
        let micros = debt.saturating_mul(1_000_000).div_ceil(u128::from(self.rate));
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    const MB: u64 = 1_000_000;

    fn manual(rate: u64) -> (Arc<ManualClock>, Throttle) {
        let clock = ManualClock::new();
        (Arc::clone(&clock), Throttle::new(rate, Clock::Manual(clock)))
    }

    #[test]
    fn bytes_pass_at_the_rate() {
        let (clock, throttle) = manual(10 * MB);
        assert_eq!(throttle.debit(MB), Duration::from_millis(100));
        clock.advance(Duration::from_millis(60));
        assert_eq!(throttle.debit(0), Duration::from_millis(40));
        clock.advance(Duration::from_millis(40));
        assert_eq!(throttle.debit(0), Duration::ZERO);
    }

    #[test]
    fn an_idle_time_gives_only_a_short_burst() {
        let (clock, throttle) = manual(10 * MB);
        clock.advance(Duration::from_secs(3600));
        assert_eq!(throttle.debit(MB), Duration::ZERO);
        assert_eq!(throttle.debit(MB), Duration::from_millis(100));
    }

    #[test]
    fn a_new_rate_holds_for_who_waits_already() {
        let (_clock, throttle) = manual(1);
        assert!(throttle.debit(MB) > Duration::from_secs(1000));
        throttle.set_rate(100 * MB);
        assert_eq!(throttle.debit(0), Duration::ZERO);
        assert_eq!(throttle.debit(MB), Duration::from_millis(10));
        throttle.set_rate(0);
        assert_eq!(throttle.debit(1000 * MB), Duration::ZERO);
    }

    #[test]
    fn a_limit_that_is_adjusted_forgives_no_debt() {
        let (_clock, throttle) = manual(MB);
        assert_eq!(throttle.debit(2 * MB), Duration::from_secs(2));
        throttle.adjust_rate(4 * MB);
        assert_eq!(throttle.debit(0), Duration::from_millis(500));
        throttle.adjust_rate(0);
        assert_eq!(throttle.debit(MB), Duration::ZERO);
    }

    #[test]
    fn slow_rates_asked_often_still_move() {
        let (clock, throttle) = manual(10);
        assert!(!throttle.debit(1).is_zero());
        for _ in 0..1000 {
            clock.advance(Duration::from_micros(100));
            let _ = throttle.debit(0);
        }
        assert_eq!(throttle.debit(0), Duration::ZERO);
    }

    #[test]
    fn who_takes_from_a_throttle_takes_from_the_one_behind_it() {
        let (_clock, node) = manual(10 * MB);
        let jobs = [5 * MB, 0].map(|rate| Throttle::new(rate, node.clock.clone()).behind(&node));
        let cancel = CancellationToken::new();
        for job in &jobs {
            job.outer.as_ref().unwrap().debit(MB);
        }
        assert_eq!(node.debit(0), Duration::from_millis(200), "both drew on it");
        assert_eq!(jobs.each_ref().map(Throttle::rate), [5 * MB, 10 * MB]);
        node.set_rate(2 * MB);
        assert_eq!(jobs.each_ref().map(Throttle::rate), [2 * MB, 2 * MB]);
        node.set_rate(0);
        assert_eq!(jobs.each_ref().map(Throttle::rate), [5 * MB, 0]);
        assert_eq!(jobs[1].take_blocking(1000 * MB, &cancel), Ok(()), "no limit is left");
    }

    #[test]
    fn a_wait_is_counted_where_it_happened_and_for_who_waited() {
        let node = Throttle::new(MB, Clock::System);
        let jobs = [(); 2].map(|()| Throttle::unlimited().behind(&node));
        // More than the burst of a tenth of a second.
        jobs[0].take_blocking(MB / 5, &CancellationToken::new()).unwrap();
        let [own, behind] = jobs[0].waits()[..] else { panic!("two throttles") };
        assert!(own.is_zero() && behind >= Duration::from_millis(50), "{own:?} {behind:?}");
        assert!(jobs[1].waits().iter().all(Duration::is_zero), "another job waited");
    }

    #[test]
    fn a_cancelled_wait_ends() {
        let (_clock, throttle) = manual(1);
        let cancel = CancellationToken::new();
        cancel.cancel();
        assert_eq!(throttle.take_blocking(MB, &cancel), Err(Cancelled));
    }
}
