//! Procedures at work: what is asked of them, the task that lets them go on, and what they ask of nodes.
//!
//! What a procedure does next is decided by `meta_state`; here it is stored and performed.

mod ask;
mod door;
mod drain;
mod runner;

pub use door::{cancel, create_table, drop_table, list, migrate_region, one};
pub(crate) use runner::run;
