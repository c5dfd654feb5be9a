//! The pure decisions of a replica server: no tokio, no file system, no RocksDB, no clock.
//!
//! A crate of its own so that the simulator runs the very same decisions without linking RocksDB.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

pub mod collect;
pub mod learn;
pub mod marks;
pub mod migrate;
pub mod overlay;
pub mod recover;
pub mod replay;
