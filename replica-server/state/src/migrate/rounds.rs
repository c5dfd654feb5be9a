//! When pre-copy rounds end.
//!
//! A round copies what is new since the one before. With the source's automatic compaction off, a writer of 20 MB/s
//! gave 852, 393, 22, 4 MB; with it on, a compaction may rewrite level 0 and the rounds never shrink.

/// A round below this is small enough: what is left comes by the log. 8 MiB.
pub const SMALL_BYTES: u64 = 8 << 20;

/// No more rounds than this.
pub const ROUNDS_MAX: usize = 10;

/// What to do after a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// One more.
    Another,
    /// The last one was small.
    Small,
    /// It does not shrink any more.
    NotShrinking,
    /// Enough rounds.
    TooMany,
}

/// Decides after a round, given the bytes that each round copied, oldest first.
#[must_use]
pub fn after_round(copied: &[u64]) -> Verdict {
    match copied {
        [] => Verdict::Another,
        [.., last] if *last < SMALL_BYTES => Verdict::Small,
        [.., before, last] if last >= before => Verdict::NotShrinking,
        _ if copied.len() >= ROUNDS_MAX => Verdict::TooMany,
        _ => Verdict::Another,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MB: u64 = 1_000_000;

    #[test]
    fn the_measured_rounds_end_where_they_are_small() {
        let rounds = [852 * MB, 393 * MB, 22 * MB, 4 * MB];
        let verdicts: Vec<_> = (1..=4).map(|n| after_round(&rounds[..n])).collect();
        assert_eq!(verdicts, [Verdict::Another, Verdict::Another, Verdict::Another, Verdict::Small]);
    }

    #[test]
    fn rounds_that_do_not_shrink_end() {
        assert_eq!(after_round(&[852 * MB, 402 * MB, 402 * MB]), Verdict::NotShrinking);
    }

    proptest! {
        #[test]
        fn rounds_always_end(copied in proptest::collection::vec(0..u64::MAX, ROUNDS_MAX)) {
            prop_assert!((1..=ROUNDS_MAX).any(|n| after_round(&copied[..n]) != Verdict::Another));
        }
    }
}
