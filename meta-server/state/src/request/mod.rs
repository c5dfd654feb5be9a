//! What is asked of the meta server, as decisions over the state: each answers with the records to store, or refuses.

mod change;
mod disk_plan;
mod health;
mod lock;
mod maintenance;
mod node_drain;
mod propose;
mod recover;
mod register;
mod report;
mod table;
mod view;

pub use change::Verdict;
pub(crate) use change::frozen_error;
pub use disk_plan::{Asked, plan_nodes};
pub use health::{PartitionFilter, PartitionHealth};
pub use recover::RecoverDecision;
pub use report::JOBS_MAX;
pub(crate) use view::unknown_node;
