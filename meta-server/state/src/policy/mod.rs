//! Policies: pure functions from the state to proposals. They decide; the owner of the state acts.

mod alarm;
pub mod disk_balance;
mod guardian;
mod node_drain;
mod options;
mod outlook;
mod placement;

pub use alarm::alarms;
pub use guardian::{Cure, Proposal, guardian};
pub use node_drain::{drain_blocked, node_drains};
pub use options::GuardianOptions;
pub use placement::Loads;
