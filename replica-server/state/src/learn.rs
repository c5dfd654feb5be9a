//! What a primary offers a learner: the cheapest of what it still has.

use common::job::LearnKind;
use common::types::Decree;

/// What the primary still has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holdings {
    /// Its committed decree.
    pub committed: Decree,
    /// The first decree that its prepare cache holds, if any.
    pub cache_from: Option<Decree>,
    /// The first decree from which its indexed log has everything, if any.
    pub log_from: Option<Decree>,
}

/// Decides for a learner whose first missing decree is `from`. A learner that misses nothing gets an empty cache offer.
#[must_use]
pub fn offer(from: Decree, holdings: Holdings) -> LearnKind {
    let reaches = |first: Option<Decree>| first.is_some_and(|first| first <= from);
    if from > holdings.committed || reaches(holdings.cache_from) {
        LearnKind::Cache
    } else if reaches(holdings.log_from) {
        LearnKind::Log
    } else {
        LearnKind::Checkpoint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLDINGS: Holdings =
        Holdings { committed: Decree(100), cache_from: Some(Decree(90)), log_from: Some(Decree(50)) };

    #[test]
    fn the_cheapest_source_that_reaches_back_far_enough_is_offered() {
        for (from, kind) in [
            (101, LearnKind::Cache),
            (90, LearnKind::Cache),
            (89, LearnKind::Log),
            (50, LearnKind::Log),
            (49, LearnKind::Checkpoint),
        ] {
            assert_eq!(offer(Decree(from), HOLDINGS), kind, "{from}");
        }
    }

    #[test]
    fn without_cache_and_log_only_a_checkpoint_will_do() {
        assert_eq!(offer(Decree(1), Holdings { cache_from: None, log_from: None, ..HOLDINGS }), LearnKind::Checkpoint);
    }
}
