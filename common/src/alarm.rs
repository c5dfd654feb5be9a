//! Alarms of the meta server: what does not get well by itself, or not soon, and what an operator can do. Pure.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::types::{Gpid, PeerId};

/// What is the matter, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmKind {
    /// Nobody has been heard to lead a partition for a while: most likely it is neither read nor written.
    NoPrimary,
    /// A partition lacks copies, and no node may take one.
    NoRoom,
    /// The copies that a partition is given come and go, and none becomes a member.
    CuresInVain,
    /// A node comes and goes, and is given nothing until it stays.
    NodeUnsteady,
}

impl AlarmKind {
    /// Every kind there is.
    pub const ALL: [Self; 4] = [Self::NoPrimary, Self::NoRoom, Self::CuresInVain, Self::NodeUnsteady];

    /// Its name, as in JSON and in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoPrimary => "no_primary",
            Self::NoRoom => "no_room",
            Self::CuresInVain => "cures_in_vain",
            Self::NodeUnsteady => "node_unsteady",
        }
    }
}

impl fmt::Display for AlarmKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an alarm is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AlarmSubject {
    /// A partition.
    Partition(Gpid),
    /// A node.
    Node(PeerId),
}

impl fmt::Display for AlarmSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partition(gpid) => write!(f, "partition {gpid}"),
            Self::Node(peer) => write!(f, "node {peer}"),
        }
    }
}

/// An alarm, as things stand. Kind and subject tell it from others; the rest changes from look to look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// What is the matter.
    pub kind: AlarmKind,
    /// With what.
    pub subject: AlarmSubject,
    /// Since when, in Unix milliseconds, as far as this process of the meta server knows.
    pub since_ms: Option<u64>,
    /// How often, where that is counted: learners that came and went, comebacks of a node.
    pub count: Option<u32>,
    /// What is wrong, in words.
    pub message: String,
    /// What to do.
    pub hint: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_the_same_name_everywhere() {
        for kind in AlarmKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
            assert_eq!(kind.to_string(), kind.name());
        }
    }
}
