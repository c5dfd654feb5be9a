//! Redirections: the errors that clients of a cluster follow.

use super::Node;
use crate::Reply;

/// The slot is served by that node: ask there, and remember it.
#[must_use]
pub fn moved(slot: u16, node: &Node) -> Reply {
    Reply::error(format!("MOVED {slot} {}:{}", node.host, node.port))
}
