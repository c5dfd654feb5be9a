//! Why a change of a configuration is refused, in words that say what to do.

use common::rpc::{ErrorCode, WireError};
use common::types::{Ballot, Member, PeerId};

/// Why a change was refused. The configuration is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what each variant is")]
pub enum ChangeRefusal {
    #[error("the change is based on ballot {expected}, the partition is at {present}")]
    BallotMismatch { expected: Ballot, present: Ballot },
    #[error("only the sitting primary may ask for this change")]
    NotPrimary,
    #[error("only the meta server itself may make this change")]
    NotMetaServer,
    #[error("only the node whose replica moves may ask for this change")]
    NotMover,
    #[error("a secondary may ask to take over for itself only")]
    NotSelf,
    #[error("{member} is not a secondary of the partition")]
    NotSecondary { member: Member },
    #[error("{member} is not a learner of the partition")]
    NotLearner { member: Member },
    #[error("{member} is not a copy of the partition that can be dropped")]
    NotDroppable { member: Member },
    #[error("{member} may not lead the partition")]
    MayNotLead { member: Member },
    #[error(
        "{member} is not known to follow since its node started, and that node does not fsync what it acknowledges"
    )]
    MayHaveForgotten { member: Member },
    #[error("node {peer} already has a copy of the partition")]
    AlreadyThere { peer: PeerId },
    #[error("no primary leads the partition")]
    NoPrimary,
    #[error("a replica of the partition is already out for a disk move (job {job})")]
    MoveUnderWay { job: uuid::Uuid },
    #[error("the partition has no disk move of job {job}")]
    NoSuchMove { job: uuid::Uuid },
    #[error("job {job} does not hold the partition's lock: it is over, or never began")]
    NotLocked { job: uuid::Uuid },
    #[error("only {left} of at least {needed} members would be left")]
    RedundancyTooLow { left: usize, needed: usize },
}

impl ChangeRefusal {
    const fn code(&self) -> ErrorCode {
        match self {
            Self::BallotMismatch { .. } => ErrorCode::BallotMismatch,
            Self::NotPrimary | Self::NoPrimary => ErrorCode::NotPrimary,
            Self::NotSecondary { .. } => ErrorCode::NotSecondary,
            Self::NotLearner { .. }
            | Self::NotDroppable { .. }
            | Self::MayNotLead { .. }
            | Self::MayHaveForgotten { .. } => ErrorCode::NotMember,
            Self::NotMetaServer | Self::NotMover | Self::NotSelf => ErrorCode::InvalidArgument,
            Self::AlreadyThere { .. } => ErrorCode::AlreadyExists,
            Self::MoveUnderWay { .. } => ErrorCode::AlreadyMigrating,
            Self::NoSuchMove { .. } | Self::NotLocked { .. } => ErrorCode::UnknownJob,
            Self::RedundancyTooLow { .. } => ErrorCode::RedundancyTooLow,
        }
    }

    const fn hint(&self) -> &'static str {
        match self {
            Self::BallotMismatch { .. } => "read the configuration again and decide anew",
            Self::RedundancyTooLow { .. } => "wait until the partition is healthy, or add a node",
            Self::MoveUnderWay { .. } => "wait for that job to end",
            Self::NoSuchMove { .. } | Self::NotLocked { .. } => "the move was given up: look at the job's last error",
            Self::AlreadyThere { .. } => "choose another node",
            Self::NotPrimary
            | Self::NotMetaServer
            | Self::NotMover
            | Self::NotSelf
            | Self::NotSecondary { .. }
            | Self::NotLearner { .. }
            | Self::NotDroppable { .. }
            | Self::MayNotLead { .. }
            | Self::MayHaveForgotten { .. }
            | Self::NoPrimary => "look at the partition's configuration (admin-cli app <table> -d)",
        }
    }
}

impl From<ChangeRefusal> for WireError {
    fn from(refusal: ChangeRefusal) -> Self {
        Self::new(refusal.code(), refusal.to_string(), refusal.hint())
    }
}
