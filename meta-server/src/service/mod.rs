//! The rpc doors: they send to the owner, wait, and answer.

mod admin;
mod node;
mod plan;

pub(crate) use admin::AdminDoor;
pub(crate) use node::NodeDoor;
