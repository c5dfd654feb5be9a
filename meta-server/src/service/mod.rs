//! What is asked of the server, and the rpc doors: they send to the owner, wait, and answer. The HTTP door calls the same
//! functions.

mod admin;
mod cancel;
mod maintenance;
mod node;
mod plan;

pub(crate) use admin::AdminDoor;
pub(crate) use cancel::{Cancelled, cancel_job};
pub(crate) use maintenance::{maintenance, set_maintenance};
pub(crate) use node::NodeDoor;
pub(crate) use plan::plan;
