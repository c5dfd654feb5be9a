//! A partition as the meta server keeps it: its configuration and what surrounds it.

use std::sync::Arc;

use common::types::{Ballot, ConfigChange, Incarnation, PartitionConfig, PeerId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::change::Requester;

/// The most former members remembered.
const FORMER_MAX: usize = 8;

/// The claim of a job or a procedure to a partition (rule MOVES).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Whose.
    pub job: Uuid,
    /// Unix milliseconds.
    pub taken_at_ms: u64,
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// Its configuration.
    pub config: Arc<PartitionConfig>,
    /// The change that made it, so that the same request is answered the same way again.
    pub last: Option<(Requester, ConfigChange)>,
    /// The job or procedure that has it for itself.
    pub lock: Option<Lock>,
    /// A copy reported this ballot, above ours: nothing is decided but by `recover` (rule META).
    pub frozen: Option<Ballot>,
    /// Nodes that were members and are none now, latest last: their return is cheaper than a new copy. One that is a
    /// learner again stays among them, for it may go away again.
    pub former: Vec<PeerId>,
    /// Copies that an operator's recovery gave up (rule LAST COPY).
    #[serde(default)]
    pub given_up: Option<GivenUp>,
}

/// Copies that hold what a recovery gave up: where they return they are set aside, and never taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenUp {
    /// All with a lower incarnation,
    pub below: Incarnation,
    /// but for the copy that the partition went on with.
    pub except: Incarnation,
}

impl Partition {
    /// A partition with its first configuration.
    #[must_use]
    pub fn new(config: PartitionConfig) -> Self {
        Self { config: Arc::new(config), last: None, lock: None, frozen: None, former: Vec::new(), given_up: None }
    }

    /// The partition with the next configuration.
    #[must_use]
    pub fn with(&self, config: PartitionConfig, last: Option<(Requester, ConfigChange)>) -> Self {
        let mut former = self.former.clone();
        former.extend(self.config.members().map(|m| m.peer).filter(|p| !former.contains(p)).collect::<Vec<_>>());
        former.retain(|peer| !config.is_member(*peer));
        former.drain(..former.len().saturating_sub(FORMER_MAX));
        let (lock, frozen, given_up) = (self.lock, self.frozen, self.given_up);
        Self { config: Arc::new(config), last, former, lock, frozen, given_up }
    }

    /// The nodes whose copies are missing: the members that left last, as many as are missing. One that left earlier was
    /// replaced.
    pub(crate) fn missing_nodes(&self) -> impl Iterator<Item = PeerId> {
        let missing = (self.config.replica_count as usize).saturating_sub(self.config.copies().count());
        let former = self.former.iter().rev().copied();
        former.filter(|peer| self.config.copy_on(*peer).is_none()).take(missing)
    }

    /// Whether an operator's recovery gave up this copy, or an older one in the same place.
    #[must_use]
    pub fn has_given_up(&self, incarnation: Incarnation) -> bool {
        self.given_up.is_some_and(|given_up| incarnation < given_up.below && incarnation != given_up.except)
    }

    /// Whether exactly this request made the present configuration from `expected`.
    #[must_use]
    pub fn came_of(&self, from: Requester, expected: Ballot, change: &ConfigChange) -> bool {
        self.config.ballot == expected.next() && self.last.as_ref().is_some_and(|(f, c)| *f == from && c == change)
    }
}
