//! `CLUSTER LINKS`: the connections to other nodes.

use super::Id;
use crate::Reply;

/// Who opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// This node did.
    To,
    /// The other one did.
    From,
}

/// A connection between this node and another.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// Who opened it.
    pub direction: Direction,
    /// The other node.
    pub node: Id,
    /// When it was opened, in milliseconds since 1970.
    pub opened_at_ms: u64,
    /// Bytes that wait to be sent.
    pub unsent_bytes: u64,
}

/// The answer.
#[must_use]
pub fn links(links: &[Link]) -> Reply {
    Reply::Array(links.iter().map(link).collect())
}

fn link(link: &Link) -> Reply {
    let direction = match link.direction {
        Direction::To => "to",
        Direction::From => "from",
    };
    let events = if link.unsent_bytes > 0 { "rw" } else { "r" };
    Reply::map([
        ("direction", Reply::bulk(direction)),
        ("node", Reply::bulk(link.node.to_string())),
        ("create-time", Reply::count(link.opened_at_ms)),
        ("events", Reply::bulk(events)),
        ("send-buffer-allocated", Reply::count(link.unsent_bytes)),
        ("send-buffer-used", Reply::count(link.unsent_bytes)),
    ])
}
