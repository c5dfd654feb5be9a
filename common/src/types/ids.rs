//! Identities and counters, each a type of its own so that one cannot be passed for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// The number after this one. Counters of the protocol only rise; overflow is an invariant failure.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// A table's number, from 1; never used again after a drop.
    TableId,
    u32
);
number!(
    /// Configuration version of a partition. Only ever rises, by one on every change. 0: no primary has ever been.
    Ballot,
    u64
);
number!(
    /// Sequence number of a mutation in a partition, from 1. `Decree(0)` is "nothing".
    Decree,
    u64
);
number!(
    /// Identity of one *copy* of a partition, given by the meta server from a counter that only rises (rule INCARNATION).
    Incarnation,
    u64
);
number!(
    /// What the meta server calls a replica server, from 0 in order of first registration; durable.
    PeerId,
    u64
);

impl Decree {
    /// The decree before this one; 0 stays 0.
    #[must_use]
    pub const fn prev(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

/// Identity of one run of a process: random at every start, so that an answer to an earlier run never counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProcessId(pub u128);

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// A partition of a table ("global partition id"), written `1.3`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gpid {
    /// The table.
    pub table_id: TableId,
    /// The partition of that table, from 0.
    pub partition_index: u32,
}

impl Gpid {
    /// A gpid from its two numbers.
    #[must_use]
    pub const fn new(table_id: u32, partition_index: u32) -> Self {
        Self { table_id: TableId(table_id), partition_index }
    }

    /// The same identity as one number, `table_id << 32 | partition_index` (the region id of GreptimeDB).
    #[must_use]
    pub const fn region_id(self) -> u64 {
        ((self.table_id.0 as u64) << 32) | self.partition_index as u64
    }

    /// The gpid that a region id names.
    #[must_use]
    pub const fn from_region_id(id: u64) -> Self {
        Self::new((id >> 32) as u32, id as u32)
    }
}

impl fmt::Display for Gpid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.table_id, self.partition_index)
    }
}

/// Why a text is no gpid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a gpid: write <table id>.<partition index>, for example 1.3")]
pub struct ParseGpidError(String);

impl FromStr for Gpid {
    type Err = ParseGpidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('.').and_then(|(t, p)| Some((t.parse().ok()?, p.parse().ok()?)));
        parts.map(|(t, p)| Self::new(t, p)).ok_or_else(|| ParseGpidError(text.to_owned()))
    }
}

// Text in JSON ("1.3"), one number in bincode: people read the one, only Godwit the other.
impl Serialize for Gpid {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.region_id().serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Gpid {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
        } else {
            u64::deserialize(deserializer).map(Self::from_region_id)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gpid_survives_text_json_and_region_id() {
        let gpid = Gpid::new(7, 4095);
        assert_eq!("7.4095".parse(), Ok(gpid));
        assert_eq!(serde_json::to_string(&gpid).unwrap(), "\"7.4095\"");
        assert_eq!(Gpid::from_region_id(gpid.region_id()), gpid);
    }

    #[test]
    fn a_text_that_is_no_gpid_is_refused_with_its_form() {
        for text in ["", "1", "1.", ".1", "1.2.3", "a.b", "1.-2", "4294967296.0"] {
            assert!(text.parse::<Gpid>().unwrap_err().to_string().contains("1.3"), "{text}");
        }
    }
}
