//! Redis data types on Godwit's records: how they are stored, and what each command on them does.
//!
//! Pure: no I/O, no clock, no chance of its own. A server uses it so:
//!
//! 1. [`parse`] a request. The error is what the client is told.
//! 2. A [`Parsed::Command`] is evaluated in the partition that holds the slot of its keys. [`Command::evaluate`] asks a
//!    [`View`] for records. If it ends with [`Missing`], fetch what the view noted and evaluate again: one round for
//!    what the arguments name, one more for fields, whose place depends on the head of their hash, and one for each
//!    further page of a range. It writes nothing, so it may be given up or repeated at any point.
//! 3. An [`Evaluation`] without writes is a read: its reply is true of the state that the view showed. With writes it is
//!    one mutation, and the reply is true once that is committed.
//! 4. A [`Parsed::Keyspace`] goes over the server's ranges of slots one by one ([`keyspace`]).
//!
//! Compactions ask [`encoding::Owner`] which fields no hash owns any more.
//!
//! | folder | what it knows |
//! |---|---|
//! | [`encoding`] | where things stand in records |
//! | `number` | integers, cursors, long doubles, digit by digit |
//! | `string`, `key`, `hash` | one family of commands a file |
//! | [`keyspace`] | commands on all keys |
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

mod args;
mod command;
mod context;
pub mod encoding;
mod error;
mod evaluation;
mod hash;
mod key;
pub mod keyspace;
mod number;
mod scan_options;
mod store;
mod string;
mod view;

pub use command::{Command, Parsed, parse};
pub use context::Context;
pub use evaluation::Evaluation;
pub use view::{Missing, Page, View};
