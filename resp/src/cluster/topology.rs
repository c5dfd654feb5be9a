//! What the answers are made from.
//!
//! In a Redis cluster a node belongs to one shard, as its primary or as a replica. Here every node leads some partitions and
//! keeps copies of others. A shard is what one node leads; so each node has a shard of its own, under an id that stays, and
//! a range of slots has its own replicas.

use std::fmt;

use common::types::SlotRange;

/// The id of a node or a shard: 40 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id([u8; 20]);

impl Id {
    /// The id that these bytes spell.
    #[must_use]
    pub const fn new(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({self})")
    }
}

/// How a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It answers.
    Online,
    /// It is on its way to being a copy that can be read.
    Loading,
    /// It does not answer.
    Failed,
}

/// A replica server.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its own id.
    pub id: Id,
    /// The id of what it leads.
    pub shard: Id,
    /// Where clients reach it: an address, since some clients do not resolve names.
    pub host: String,
    /// The port for clients.
    pub port: u16,
    /// The port for other servers, which clients are told of but do not use.
    pub peer_port: u16,
    /// Whether it can be reached.
    pub health: Health,
    /// How far it has come: any number that grows as it applies writes.
    pub offset: u64,
}

/// Who serves a range of slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The slots.
    pub range: SlotRange,
    /// Who leads; an index into [`Topology::nodes`]. `None`: nobody, and requests get `CLUSTERDOWN`.
    pub primary: Option<usize>,
    /// Who else can be read from; indices into [`Topology::nodes`].
    pub replicas: Vec<usize>,
}

/// The cluster as one node knows it.
#[derive(Clone, Debug)]
pub struct Topology {
    /// All nodes.
    pub nodes: Vec<Node>,
    /// The node that answers; an index into `nodes`.
    pub myself: usize,
    /// All ranges of slots, in ascending order, none twice.
    pub routes: Vec<Route>,
    /// Grows with every change that clients are to notice.
    pub epoch: u64,
}

impl Topology {
    /// The node that answers.
    pub(super) fn myself(&self) -> Option<&Node> {
        self.nodes.get(self.myself)
    }

    /// The routes with neighbours of the same members joined, so that the answers stay short.
    pub(super) fn joined(&self) -> Vec<Route> {
        self.routes.iter().fold(vec![], |mut joined: Vec<Route>, route| {
            match joined.last_mut() {
                Some(last) if last.continues_with(route) => last.range.end = route.range.end,
                _ => joined.push(route.clone()),
            }
            joined
        })
    }

    /// The ranges that a node leads.
    pub(super) fn led_by(&self, node: usize) -> Vec<SlotRange> {
        let led = self.routes.iter().filter(|route| route.primary == Some(node)).map(|route| route.range);
        led.fold(vec![], |mut joined: Vec<SlotRange>, range| {
            match joined.last_mut() {
                Some(last) if u32::from(last.end) + 1 == u32::from(range.start) => last.end = range.end,
                _ => joined.push(range),
            }
            joined
        })
    }
}

impl Route {
    fn continues_with(&self, next: &Self) -> bool {
        u32::from(self.range.end) + 1 == u32::from(next.range.start)
            && self.primary == next.primary
            && self.replicas == next.replicas
    }

    /// How many slots there are.
    pub(super) fn slots(&self) -> u64 {
        u64::from(self.range.end - self.range.start) + 1
    }
}
