//! Rule RETRY: what the answer to one attempt means for the operation.
//!
//! ```text
//!                           read          write
//! answered                  done          done
//! refused for good          fails         fails
//! no decree / not sent      again         again
//! sent, no answer           again         outcome unknown
//! ```

use std::time::Duration;

use common::rpc::data::{DataError, DataReply};
use common::rpc::{ErrorCode, WireError};
use common::types::Ballot;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::error::ClientError;

/// What came of one attempt.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The server answered.
    Answered(Result<DataReply, DataError>),
    /// The request surely reached no handler.
    NotSent(WireError),
    /// It may have, and there is no answer.
    Lost(WireError),
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Done(DataReply),
    Fail(ClientError),
    Again { cause: WireError, route: RouteHint },
}

/// What the attempt said about the route.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RouteHint {
    /// It is right.
    Keep,
    /// It may be wrong.
    Refresh,
    /// This is the primary at that ballot.
    Primary(String, Ballot),
}

/// Judges an attempt.
pub(crate) fn judge(write: bool, outcome: Outcome) -> Verdict {
    match outcome {
        Outcome::Answered(Ok(reply)) => Verdict::Done(reply),
        Outcome::Answered(Err(error)) => judge_error(write, error),
        Outcome::NotSent(cause) => judge_not_sent(cause),
        Outcome::Lost(cause) if write => Verdict::Fail(ClientError::OutcomeUnknown(cause)),
        Outcome::Lost(cause) if cause.code == ErrorCode::TooLarge => Verdict::Fail(ClientError::Refused(cause)),
        Outcome::Lost(cause) => Verdict::Again { cause, route: RouteHint::Refresh },
    }
}

fn judge_error(write: bool, error: DataError) -> Verdict {
    match error {
        DataError::Redirect { primary, ballot } => {
            let cause = WireError::new(ErrorCode::NotPrimary, "the partition's primary is elsewhere", "try again");
            let route = primary.map_or(RouteHint::Refresh, |address| RouteHint::Primary(address, ballot));
            Verdict::Again { cause, route }
        }
        DataError::RetryLater(cause) => Verdict::Again { route: hint(&cause), cause },
        DataError::OutcomeUnknown => {
            let what = "the server lost its role, or its disk, while the operation was under way";
            let cause = WireError::new(ErrorCode::OutcomeUnknown, what, "read before writing again");
            if write {
                Verdict::Fail(ClientError::OutcomeUnknown(cause))
            } else {
                Verdict::Again { cause, route: RouteHint::Refresh }
            }
        }
        DataError::Refused(cause) => Verdict::Fail(ClientError::Refused(cause)),
    }
}

fn judge_not_sent(cause: WireError) -> Verdict {
    if matches!(cause.code, ErrorCode::TooLarge | ErrorCode::Unauthenticated) {
        return Verdict::Fail(ClientError::Refused(cause));
    }
    Verdict::Again { route: hint(&cause), cause }
}

/// A busy server is the right one; for anything else the meta server may know better.
fn hint(cause: &WireError) -> RouteHint {
    if matches!(cause.code, ErrorCode::Busy | ErrorCode::DiskSpaceInsufficient) {
        RouteHint::Keep
    } else {
        RouteHint::Refresh
    }
}

/// The first pauses of an operation are all the shortest: a change of roles takes tens of milliseconds, and pauses that
/// double would keep an operation waiting for twice as long as that.
const SHORT_PAUSES: u32 = 8;

/// Short pauses first, then pauses that double up to a limit, each cut by up to half at random so that callers spread.
#[derive(Debug)]
pub(crate) struct Backoff {
    short: u32,
    next: Duration,
    max: Duration,
}

impl Backoff {
    pub(crate) const fn new(min: Duration, max: Duration) -> Self {
        Self { short: SHORT_PAUSES, next: min, max }
    }

    pub(crate) fn pause(&mut self) -> Duration {
        let most = self.next.min(self.max);
        self.short = self.short.saturating_sub(1);
        self.next = if self.short > 0 { most } else { most.saturating_mul(2) };
        most.mul_f64(SmallRng::from_os_rng().random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: ErrorCode) -> WireError {
        WireError::new(code, "cause", "")
    }

    fn is_again(verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::Again { .. })
    }

    #[test]
    fn a_write_is_repeated_only_if_it_surely_has_no_decree() {
        let redirect = DataError::Redirect { primary: None, ballot: Ballot(3) };
        assert!(is_again(&judge(true, Outcome::Answered(Err(redirect)))));
        assert!(is_again(&judge(true, Outcome::Answered(Err(DataError::RetryLater(error(ErrorCode::Busy)))))));
        assert!(is_again(&judge(true, Outcome::NotSent(error(ErrorCode::Unreachable)))));
        for outcome in [
            Outcome::Lost(error(ErrorCode::Timeout)),
            Outcome::Lost(error(ErrorCode::Unreachable)),
            Outcome::Answered(Err(DataError::OutcomeUnknown)),
        ] {
            assert!(matches!(judge(true, outcome), Verdict::Fail(ClientError::OutcomeUnknown(_))));
        }
    }

    #[test]
    fn a_read_is_repeated_unless_it_was_refused_or_is_too_large() {
        for outcome in [
            Outcome::Lost(error(ErrorCode::Timeout)),
            Outcome::NotSent(error(ErrorCode::Busy)),
            Outcome::Answered(Err(DataError::OutcomeUnknown)),
        ] {
            assert!(is_again(&judge(false, outcome)));
        }
        let refused = Outcome::Answered(Err(DataError::Refused(error(ErrorCode::InvalidArgument))));
        assert!(matches!(judge(false, refused), Verdict::Fail(ClientError::Refused(_))));
        let large = Outcome::Lost(error(ErrorCode::TooLarge));
        assert!(matches!(judge(false, large), Verdict::Fail(ClientError::Refused(_))));
    }

    #[test]
    fn pauses_are_short_at_first_and_then_double_up_to_their_limit() {
        let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(50));
        let wanted = std::iter::repeat_n(10_000, 8).chain([20_000, 40_000, 50_000, 50_000]);
        for (n, most) in wanted.enumerate() {
            let pause = backoff.pause().as_micros();
            assert!((most / 2..=most).contains(&pause), "pause {n}: {pause} us");
        }
    }
}
