//! The PacificA replication protocol as a pure state machine: `step(now, event) -> effects`. No clock, no I/O.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::wildcard_enum_match_arm))]

mod batch;
pub mod beacon;
mod commit;
mod durability;
mod effect;
mod event;
mod faults;
mod invariants;
mod lease;
mod options;
mod prepare_list;
mod reconfiguration;
mod replica;
mod role;
mod state;
#[cfg(test)]
mod tests;
mod transition;
mod view;

pub use effect::{Answer, Effect, Refusal};
pub use event::{AppendSeq, Event, Health, RequestId, Token};
pub use faults::Faults;
pub use options::{GraceTooShort, Options};
pub use replica::{Boot, Replica};
