//! What clients asked and what they were told, and whether any single order of it could be the truth.
//!
//! ```text
//! Recorded (a client's table) ------.
//! RecordedRedis (a Redis client) -----> Recorder --> operations --> check: per key, is it linearizable?
//! ```
//!
//! Every value that is written is written once, so a read says which write it saw. An operation of unknown outcome stays
//! open: it may have happened at any time after its call, or never. A write that was refused must never be seen. What a
//! secondary told is no part of the order: it must have been so within a bound before it was asked ([`stale`]).

mod check;
mod counter;
mod open;
mod record;
mod recorded;
mod recorded_redis;
mod register;
mod stale;
mod value;

#[cfg(test)]
mod tests;

pub use check::{Violation, check};
pub use record::{Answer, Kind, Operation, Outcome, Recorder, ValueId};
pub use recorded::Recorded;
pub use recorded_redis::{RecordedRedis, Refused};
pub use stale::{Looks, looks};
