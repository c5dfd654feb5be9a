//! The meta server's state and policies as pure functions: no I/O, no clock, no runtime. The simulator drives the same code.
//!
//! Entry points: [`change_config`] is the only way from one configuration to the next; [`appoint`] decides who leads
//! when no process holds a role (rule ROLES).
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

mod appoint;
mod change;
mod creation;
mod invariants;
mod refusal;

pub use appoint::{MemberReport, appoint};
pub use change::{MOVING_MS_MAX, Requester, change_config};
pub use creation::{Recovery, create_config, recover_config, replace_first_copy};
pub use invariants::check_config;
pub use refusal::ChangeRefusal;
