//! The vocabulary of Godwit as plain data: identities, keys, mutations, configurations. Pure: no I/O, no clock.

mod config;
mod ids;
mod key;
mod message;
mod mutation;
mod slot;
mod time;
mod value;

pub use config::{ConfigChange, Member, Moving, MovingRequest, PartitionConfig, ReplicaStatus};
pub use ids::{Ballot, Decree, Gpid, Incarnation, ParseGpidError, PeerId, ProcessId, TableId};
pub use key::{KEY_BYTES_MAX, KeyError, RecordKey, decode_key, encode_key, hash_key_prefix, prefix_end};
pub use message::{Beacon, BeaconAnswer, Envelope, Message, Prepare, PrepareAck, RefuseReason};
pub use mutation::{Body, DecodeWritesError, Mutation, WriteOp, Writes, WritesBuilder};
pub use slot::{SLOTS, SlotRange, hash_tag, slot_of};
pub use time::{Now, Time};
pub use value::{DecodeValueError, Value, ValueKind};
