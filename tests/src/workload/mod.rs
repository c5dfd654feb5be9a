//! Writers and readers that remember what was acknowledged, and checks that it is still there.
//!
//! Every key has one writer, which counts up. So a read is right exactly if it returns no less than what was
//! acknowledged when it began, and no more than what was sent when it ended.

mod bulk;
mod history;
mod run;
mod store;

pub use bulk::Bulk;
pub use history::History;
pub use run::{Options, Report, Workload};
pub use store::{Failure, Store};
