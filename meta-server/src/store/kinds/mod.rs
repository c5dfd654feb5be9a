//! How records are named and written in the store: one kind of key per file, values as versioned JSON.

mod identity;
mod job;
mod node;
mod partition;
mod procedure;
mod table;

use meta_state::Record;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The version that this program writes, and the newest that it reads.
const VERSION: u32 = 1;

/// Why a stored value is no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// No kind has such names.
    #[error("the metadata store holds '{0}', which this version does not know: it was written by a newer one")]
    UnknownName(String),
    /// Written by a newer program.
    #[error("'{0}' was written in format {1}, this version knows up to {VERSION}: use the newer program")]
    Newer(String, u32),
    /// Not what it should be.
    #[error("'{0}' is damaged: {1}; restore the metadata")]
    Damaged(String, String),
}

/// The name of a record and the value to write; `None`: it is removed.
#[must_use]
pub fn encode(record: &Record) -> (String, Option<Vec<u8>>) {
    match record {
        Record::Identity(identity) => (identity::NAME.to_owned(), Some(value_of(identity))),
        Record::Table(table) => (table::name(table.id), Some(value_of(table))),
        Record::Node(node) => (node::name(node.peer), Some(value_of(node))),
        Record::Partition(partition) => (partition::name(partition.config.gpid), Some(value_of(partition))),
        Record::Job(job) => (job::name(meta_state::JobKey::of(job)), Some(value_of(job))),
        Record::JobGone(key) => (job::name(*key), None),
        Record::Procedure(procedure) => (procedure::name(procedure.key()), Some(value_of(procedure))),
        Record::ProcedureGone(key) => (procedure::name(*key), None),
    }
}

/// A record from its name and value.
///
/// # Errors
/// [`DecodeError`]; the store is then left alone.
pub fn decode(name: &str, value: &[u8]) -> Result<Record, DecodeError> {
    let (kind, _) = name.split_once('/').unwrap_or((name, ""));
    match kind {
        identity::NAME => read(name, value).map(Record::Identity),
        table::KIND => read(name, value).map(Record::Table),
        node::KIND => read(name, value).map(Record::Node),
        partition::KIND => read(name, value).map(Record::Partition),
        job::KIND => read(name, value).map(Record::Job),
        procedure::KIND => read(name, value).map(Record::Procedure),
        _ => Err(DecodeError::UnknownName(name.to_owned())),
    }
}

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    version: u32,
    value: T,
}

#[derive(Deserialize)]
struct OnlyVersion {
    version: u32,
}

fn value_of<T: Serialize>(value: &T) -> Vec<u8> {
    let text = serde_json::to_vec(&Versioned { version: VERSION, value });
    // Records are plain data with text keys, which JSON can always hold.
    assert!(text.is_ok(), "a record cannot be written as JSON: {:?}", text.err());
    text.unwrap_or_default()
}

fn read<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, DecodeError> {
    let damaged = |e: serde_json::Error| DecodeError::Damaged(name.to_owned(), e.to_string());
    let OnlyVersion { version } = serde_json::from_slice(bytes).map_err(damaged)?;
    if version > VERSION {
        return Err(DecodeError::Newer(name.to_owned(), version));
    }
    let versioned: Versioned<T> = serde_json::from_slice(bytes).map_err(damaged)?;
    Ok(versioned.value)
}

#[cfg(test)]
pub(crate) fn assert_round_trip(record: Record) {
    let (name, value) = encode(&record);
    assert_eq!(decode(&name, &value.unwrap()), Ok(record), "{name}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_newer_program_wrote_is_refused() {
        let newer = br#"{"version":2,"value":{"anything":1}}"#;
        assert_eq!(decode("table/1", newer), Err(DecodeError::Newer("table/1".into(), 2)));
        assert_eq!(decode("slot/1", newer), Err(DecodeError::UnknownName("slot/1".into())));
    }

    #[test]
    fn damage_is_told_with_the_name() {
        assert!(decode("node/1", b"{\"version\":1,").unwrap_err().to_string().contains("node/1"));
    }
}
