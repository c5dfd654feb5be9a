//! The roles, one file each. Every role changes only through a configuration (see `transition.rs`).

mod follow;
mod inactive;
mod learner;
mod primary;
mod secondary;

use common::types::ReplicaStatus;

pub(crate) use inactive::Inactive;
pub(crate) use learner::Learner;
pub(crate) use primary::Primary;
pub(crate) use secondary::Secondary;

/// What a replica is at the moment.
#[derive(Debug)]
pub(crate) enum Role {
    Inactive(Inactive),
    Learner(Learner),
    Secondary(Secondary),
    Primary(Box<Primary>),
}

impl Role {
    pub(crate) const fn status(&self) -> ReplicaStatus {
        match self {
            Self::Inactive(_) => ReplicaStatus::Inactive,
            Self::Learner(_) => ReplicaStatus::Learner,
            Self::Secondary(_) => ReplicaStatus::Secondary,
            Self::Primary(_) => ReplicaStatus::Primary,
        }
    }
}
