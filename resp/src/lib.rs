//! The Redis protocol as Godwit speaks it: requests, replies, the table of commands, and every answer that needs no data.
//!
//! Pure: bytes and plain descriptions come in, bytes and replies go out. Connections, routing and data are the server's.
//!
//! | module | what it knows |
//! |---|---|
//! | [`protocol`] | how a request is spelt; limits |
//! | [`reply`] | what an answer is, and how it is spelt in either version |
//! | [`command`] | every command there is: its arguments, its keys, what `COMMAND` tells of it |
//! | [`cluster`] | the topology as clients see it; redirections |
//! | [`connection`] | `HELLO` and `CLIENT` |
//! | [`server`] | `INFO`, `CONFIG`, `DEBUG PROTOCOL` |
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::wildcard_enum_match_arm))]

pub mod cluster;
pub mod command;
pub mod connection;
pub mod errors;
pub mod glob;
pub mod number;
pub mod protocol;
pub mod reply;
pub mod server;

pub use reply::{Reply, Version};
