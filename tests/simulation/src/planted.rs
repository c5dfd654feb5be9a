//! The planted faults: each takes one rule out, and the simulator has to notice.

use pacifica::{Faults, Options};

macro_rules! planted {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// A rule taken out on purpose.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Planted {
            $($(#[$doc])* $variant,)*
        }

        impl Planted {
            /// All of them, in the order of the issue.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// How the command line calls it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

planted! {
    /// Rule "an ack never overtakes the fsync it stands for".
    AckBeforeFsync = "ack-before-fsync",
    /// "Every replica rejects a prepare with an older ballot."
    NoBallotCheck = "no-ballot-check",
    /// Rule ROLES.
    BallotResumedAfterRestart = "ballot-resumed-after-restart",
    /// Rule UNION.
    NoUnion = "no-union",
    /// Rule OPENING.
    NoOpeningMarker = "no-opening-marker",
    /// "Becomes secondary only when nothing is missing."
    LearnerPromotedWithGap = "learner-promoted-with-gap",
    /// Rule LEASES: checked before and after a read.
    ReadWithoutSecondCheck = "read-without-second-check",
    /// `grace >= lease * (1+rho)/(1-rho) + margin`.
    GraceShorterThanLease = "grace-shorter-than-lease",
    /// Rule TAKE-OVER.
    TakeOverWithoutWait = "take-over-without-wait",
    /// Rule LEASES: per partition.
    NodeWideLeases = "node-wide-leases",
    /// Rule INCARNATION: the meta server gives it.
    IncarnationMintedLocally = "incarnation-minted-locally",
    /// Rule LOG: frames carry it.
    FramesWithoutIncarnation = "log-frames-without-incarnation",
    /// Rule MOVES: a `.tmp` rolls forward only with a seal.
    UnsealedRolledForward = "unsealed-tmp-rolled-forward",
    /// Rule COLLECT.
    CollectWithoutIncarnation = "collect-without-incarnation",
    /// Rule REPLIES.
    FailedCasFromOverlay = "failed-cas-from-overlay",
    /// Rule MOVES: out of the configuration before it closes.
    MemberKeptAcrossMove = "member-kept-across-move",
}

impl Planted {
    /// By its name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|planted| planted.name() == name)
    }

    /// The switches of the core that belong to it.
    #[must_use]
    pub(crate) fn core(planted: Option<Self>) -> Faults {
        let is = |fault| planted == Some(fault);
        Faults {
            ack_before_fsync: is(Self::AckBeforeFsync),
            no_ballot_check: is(Self::NoBallotCheck),
            ballot_resumed_after_restart: is(Self::BallotResumedAfterRestart),
            no_union: is(Self::NoUnion),
            no_opening_marker: is(Self::NoOpeningMarker),
            learner_promoted_with_gap: is(Self::LearnerPromotedWithGap),
            read_without_second_check: is(Self::ReadWithoutSecondCheck),
            grace_shorter_than_lease: is(Self::GraceShorterThanLease),
            take_over_without_wait: is(Self::TakeOverWithoutWait),
            node_wide_leases: is(Self::NodeWideLeases),
            failed_cas_answered_from_overlay: is(Self::FailedCasFromOverlay),
        }
    }
}

/// The protocol's settings, three times as fast as the defaults: the same histories fit into less simulated time.
pub(crate) fn options() -> Options {
    use std::time::Duration;
    Options {
        beacon: Duration::from_millis(170),
        lease: Duration::from_millis(850),
        grace: Duration::from_millis(1000),
        margin: Duration::from_millis(35),
        prepare_timeout: Duration::from_millis(1000),
        resend: Duration::from_millis(100),
        commit_notice: Duration::from_millis(50),
        batch_writes: 4,
        queue_writes: 64,
        cache_bytes: 2000,
        ..Options::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_of_the_simulation_are_valid() {
        options().validate().unwrap();
    }

    #[test]
    fn every_planted_fault_of_the_issue_is_there_by_name() {
        assert_eq!(Planted::ALL.len(), 16);
        assert!(Planted::ALL.iter().all(|p| Planted::by_name(p.name()) == Some(*p)));
    }
}
