//! The meta server: owns partition configurations, placement and cures.
//!
//! ```text
//! service, http   thin doors: send to the owner, wait
//! procedures      work of several steps: a task that lets it go on, and what it asks of nodes
//! owner           one thread owns the state: decide (meta_state), store, apply, then answer and push
//! alarms          in the log, when they begin and when they end
//! store           compare-and-set transactions: RocksDB, or memory
//! push            configurations to the nodes that they concern, in the background
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

mod alarms;
mod http;
mod metrics;
mod owner;
pub mod procedures;
mod push;
mod server;
mod service;
pub mod settings;
pub mod store;
#[cfg(test)]
mod tests;

pub use metrics::MetaMetrics;
pub use owner::{Handle, OpenError, Owner, OwnerOptions};
pub use server::{MetaOptions, Running, StartError, TICK, start};
