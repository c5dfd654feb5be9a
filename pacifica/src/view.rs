//! What the runtime may ask a replica, between two steps.

use std::sync::Arc;

use common::types::{Ballot, Decree, Gpid, Member, Mutation, PartitionConfig, PeerId, ReplicaStatus, Time};

use crate::replica::Replica;
use crate::role::Role;

impl Replica {
    /// The copy that this is.
    #[must_use]
    pub const fn me(&self) -> Member {
        self.state.me
    }

    /// Its partition.
    #[must_use]
    pub const fn gpid(&self) -> Gpid {
        self.state.gpid
    }

    /// What it is at the moment. `Error` is the runtime's to say.
    #[must_use]
    pub const fn status(&self) -> ReplicaStatus {
        self.role.status()
    }

    /// The ballot that it follows; durable or about to be.
    #[must_use]
    pub const fn ballot(&self) -> Ballot {
        self.state.ballot
    }

    /// The newest configuration it knows, whether that names it or not.
    #[must_use]
    pub const fn config(&self) -> Option<&Arc<PartitionConfig>> {
        self.state.config.as_ref()
    }

    /// Until when it may serve reads, by the node's monotonic clock: to be checked before and after each read (rule
    /// LEASES). `None`: not at all.
    #[must_use]
    pub fn read_until(&self) -> Option<Time> {
        match &self.role {
            Role::Primary(primary) => primary.read_until(&self.state),
            Role::Secondary(_) | Role::Learner(_) | Role::Inactive(_) => None,
        }
    }

    /// The last committed decree; its `Apply` was emitted.
    #[must_use]
    pub const fn committed(&self) -> Decree {
        self.state.committed
    }

    /// The last decree prepared without a gap.
    #[must_use]
    pub fn prepared(&self) -> Decree {
        self.state.prepared()
    }

    /// The ballot of the last record prepared without a gap, for the report after a restart (rule ROLES).
    #[must_use]
    pub fn prepared_ballot(&self) -> Ballot {
        self.state.list.get(self.prepared()).map_or(self.state.applied_ballot, |mutation| mutation.ballot)
    }

    /// The greatest mutation or commit time known, Unix ms: reads judge expiry by max(own clock, this) (rule TIME).
    #[must_use]
    pub const fn time_ms(&self) -> u64 {
        self.state.time_ms
    }

    /// The decree that a write accepted now will get; exact, also for writes that wait for their mutation.
    #[must_use]
    pub fn next_decree(&self) -> Decree {
        match &self.role {
            Role::Primary(primary) => primary.next_decree(&self.state),
            Role::Secondary(_) | Role::Learner(_) | Role::Inactive(_) => self.prepared().next(),
        }
    }

    /// The nodes from which this primary wants leases, with the ballot that its beacons carry: members and learners.
    /// Empty if it is not primary, or sick (rule LEASES).
    #[must_use]
    pub fn roster(&self) -> Vec<(PeerId, Ballot)> {
        match &self.role {
            Role::Primary(primary) => primary.roster(&self.state),
            Role::Secondary(_) | Role::Learner(_) | Role::Inactive(_) => Vec::new(),
        }
    }

    /// Whether some other copy has answered this primary in its ballot and has granted no lease: a beacon would be
    /// granted now.
    #[must_use]
    pub fn lacks_lease(&self) -> bool {
        match &self.role {
            Role::Primary(primary) => primary.lacks_lease(&self.state),
            Role::Secondary(_) | Role::Learner(_) | Role::Inactive(_) => false,
        }
    }

    /// Whether this replica would grant a beacon's entry now: same ballot, that primary, a role, and health.
    #[must_use]
    pub fn grants(&self, primary: PeerId, ballot: Ballot) -> bool {
        let state = &self.state;
        if state.faults.node_wide_leases {
            return true;
        }
        let leader = match &self.role {
            Role::Secondary(secondary) => secondary.following.primary,
            Role::Learner(learner) => learner.following.primary,
            Role::Primary(_) | Role::Inactive(_) => None,
        };
        leader.is_some_and(|leader| leader.peer == primary) && ballot == state.ballot && !state.is_sick()
    }

    /// All committed mutations from `from` on, if the cache still has them all.
    #[must_use]
    pub fn cached(&self, from: Decree) -> Option<Vec<Arc<Mutation>>> {
        let wanted = (self.state.committed.0 + 1).saturating_sub(from.0);
        let wanted = usize::try_from(wanted).ok()?;
        let found: Vec<_> = self.state.list.run(from).take(wanted).cloned().collect();
        (found.len() == wanted).then_some(found)
    }

    /// Whether the primary serves: opened, past its wait, not handing over. Reads need the lease besides.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        match &self.role {
            Role::Primary(primary) => primary.is_serving(),
            Role::Secondary(_) | Role::Learner(_) | Role::Inactive(_) => false,
        }
    }

    /// This copy's last answer to any beacon for the partition (rule TAKE-OVER).
    #[must_use]
    pub const fn last_answer(&self) -> Time {
        self.state.last_answer
    }
}
