//! Policies: pure functions from the state to proposals. They decide; the owner of the state acts.

pub mod disk_balance;
mod guardian;
mod node_drain;
mod placement;

pub use guardian::{Cure, GuardianOptions, Proposal, guardian};
pub use node_drain::{drain_blocked, node_drains};
pub use placement::Loads;
