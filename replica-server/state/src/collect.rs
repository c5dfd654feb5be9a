//! Whether an order to collect a copy is obeyed (rule COLLECT).
//!
//! Orders are delayed and repeated. One that named only the partition would destroy the copy that has come back since.

use common::types::{Ballot, Incarnation, ReplicaStatus};

/// Why an order to collect is refused. The copy stays; the next heartbeat says what it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// The copy takes part in the protocol.
    #[error("it is a {0}")]
    HasRole(ReplicaStatus),
    /// The order is of another copy of the partition.
    #[error("the copy here has incarnation {held}, the order names {ordered}")]
    OtherCopy {
        /// What the directory holds.
        held: Incarnation,
        /// What the order names.
        ordered: Incarnation,
    },
    /// The copy has seen a later configuration than the order was made from.
    #[error("the copy here is at ballot {held}, the order is of ballot {ordered}")]
    NewerBallot {
        /// What the copy is at.
        held: Ballot,
        /// What the order is of.
        ordered: Ballot,
    },
}

/// Decides on an order that names (incarnation, ballot) for a copy with this role, incarnation and ballot.
///
/// # Errors
/// [`Why`] the copy must stay.
pub fn allowed(
    role: ReplicaStatus,
    held: Incarnation,
    ballot: Ballot,
    order: (Incarnation, Ballot),
) -> Result<(), Why> {
    let (incarnation, ordered) = order;
    if held != incarnation {
        return Err(Why::OtherCopy { held, ordered: incarnation });
    }
    if ballot > ordered {
        return Err(Why::NewerBallot { held: ballot, ordered });
    }
    match role {
        ReplicaStatus::Primary | ReplicaStatus::Secondary | ReplicaStatus::Learner => Err(Why::HasRole(role)),
        ReplicaStatus::Inactive | ReplicaStatus::Error => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROLES: [ReplicaStatus; 5] = [
        ReplicaStatus::Primary,
        ReplicaStatus::Secondary,
        ReplicaStatus::Learner,
        ReplicaStatus::Inactive,
        ReplicaStatus::Error,
    ];

    #[test]
    fn a_delayed_order_spares_the_copy_that_came_back() {
        let order = (Incarnation(3), Ballot(9));
        let back = allowed(ReplicaStatus::Inactive, Incarnation(5), Ballot(9), order);
        assert_eq!(back, Err(Why::OtherCopy { held: Incarnation(5), ordered: Incarnation(3) }));
    }

    proptest! {
        #[test]
        fn only_the_named_copy_without_role_and_without_newer_ballot_is_collected(
            role in proptest::sample::select(ROLES.to_vec()),
            held in 0_u64..4, ballot in 0_u64..4, incarnation in 0_u64..4, ordered in 0_u64..4,
        ) {
            let obeyed = allowed(role, Incarnation(held), Ballot(ballot), (Incarnation(incarnation), Ballot(ordered)));
            let idle = matches!(role, ReplicaStatus::Inactive | ReplicaStatus::Error);
            prop_assert_eq!(obeyed.is_ok(), idle && held == incarnation && ballot <= ordered);
        }
    }
}
