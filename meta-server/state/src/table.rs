//! A table as the meta server keeps it, and what may be asked for one.

use common::rpc::{ErrorCode, WireError};
use common::types::TableId;
use serde::{Deserialize, Serialize};

/// The most partitions of a table.
pub const PARTITIONS_MAX: u32 = 16384;
/// The most replicas of a partition.
pub const REPLICAS_MAX: u32 = 7;
/// The longest table name, in bytes.
pub const NAME_BYTES_MAX: usize = 128;

/// Whether a table is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TableStatus {
    /// It is.
    Live,
    /// It was dropped: its copies are set aside wherever they are reported. Its id is never used again.
    Dropped,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its id.
    pub id: TableId,
    /// Its name, unique among live tables.
    pub name: String,
    /// Number of partitions, a power of two.
    pub partitions: u32,
    /// Wanted members per partition.
    pub replicas: u32,
    /// Whether it is served.
    pub status: TableStatus,
    /// Unix milliseconds.
    pub created_at_ms: u64,
}

/// A request for a table whose numbers and name are sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatedTable {
    pub(crate) name: String,
    pub(crate) partitions: u32,
    pub(crate) replicas: u32,
}

impl ValidatedTable {
    /// Checks what does not depend on the cluster.
    ///
    /// # Errors
    /// `InvalidArgument`, with what is allowed.
    pub fn new(name: &str, partitions: u32, replicas: u32) -> Result<Self, WireError> {
        let invalid = |what: String, hint: String| Err(WireError::new(ErrorCode::InvalidArgument, what, hint));
        if !is_name(name) {
            return invalid(
                format!("'{name}' is no table name"),
                format!("use 1 to {NAME_BYTES_MAX} letters, digits, '_', '-' and '.', beginning with a letter or '_'"),
            );
        }
        if !partitions.is_power_of_two() || partitions > PARTITIONS_MAX {
            return invalid(
                format!("{partitions} is no number of partitions"),
                format!("use a power of two from 1 to {PARTITIONS_MAX}, for example 8"),
            );
        }
        if !(1..=REPLICAS_MAX).contains(&replicas) {
            return invalid(
                format!("{replicas} is no number of replicas"),
                format!("use 1 to {REPLICAS_MAX}; 3 survives the loss of a node"),
            );
        }
        Ok(Self { name: name.to_owned(), partitions, replicas })
    }
}

fn is_name(name: &str) -> bool {
    let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    name.len() <= NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(sound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_refused_with_what_is_allowed() {
        for (name, partitions, replicas, hint) in [
            ("", 8, 3, "letters"),
            ("9lives", 8, 3, "beginning"),
            ("a b", 8, 3, "letters"),
            ("a/b", 8, 3, "letters"),
            ("t", 0, 3, "power of two"),
            ("t", 3, 3, "power of two"),
            ("t", 32768, 3, "16384"),
            ("t", 8, 0, "1 to 7"),
            ("t", 8, 8, "1 to 7"),
        ] {
            let error = ValidatedTable::new(name, partitions, replicas).unwrap_err();
            assert!(error.hint.contains(hint), "{name} {partitions} {replicas}: {error:?}");
        }
        assert!(ValidatedTable::new("_t.1-x", 16384, 7).is_ok());
    }
}
