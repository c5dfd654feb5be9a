//! Types, plumbing and RPC that every process of Godwit shares. The lowest layer: imports no other crate of the workspace.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

pub mod alarm;
pub mod clock;
pub mod config;
pub mod fault;
pub mod fs;
pub mod job;
pub mod logging;
pub mod metrics;
pub mod pool;
pub mod procedure;
pub mod rpc;
pub mod shutdown;
pub mod time;
pub mod types;
