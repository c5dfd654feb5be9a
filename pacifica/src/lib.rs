//! The PacificA replication protocol as a pure state machine: `step(now, event) -> effects`. No clock, no I/O.

mod effect;
mod event;
mod options;

pub use effect::{Answer, Effect, Refusal};
pub use event::{AppendSeq, Event, Health, RequestId, Token};
pub use options::{GraceTooShort, Options};
