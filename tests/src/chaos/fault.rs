//! What is done to a cluster.

use std::fmt;

/// A node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// By its index from 0.
    Node(usize),
    /// Whoever leads this partition when it happens.
    PrimaryOf(u32),
}

/// One side of a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Party {
    Meta,
    One(Who),
    /// All nodes.
    Nodes,
    /// A client by its index from 0.
    Client(usize),
    /// All hosts.
    Everybody,
}

/// Which way is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Both,
    /// The first is not heard by the second.
    There,
    /// The second is not heard by the first.
    Back,
}

/// A process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Meta,
    Node(Who),
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The network between two parties is cut, then mended. Whoever is on both sides is not cut off from itself.
    Cut(Party, Party, Way),
    /// SIGSTOP, then SIGCONT.
    Pause(Target),
    /// SIGKILL, then a start.
    Kill(Target),
    /// SIGTERM, then a start.
    Stop(Who),
    /// A partition gets another primary, with the consent of the present one.
    HandOver { partition: u32, pick: usize },
    /// A replica moves to another disk of its node.
    DiskMove { node: usize, pick: usize, max_rate_bytes_per_s: u64 },
    /// A replica moves to another node.
    RegionMove { partition: u32, pick: usize },
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(index) => write!(f, "node{}", index + 1),
            Self::PrimaryOf(partition) => write!(f, "the primary of partition {partition}"),
        }
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Meta => f.write_str("meta"),
            Self::One(who) => who.fmt(f),
            Self::Nodes => f.write_str("all nodes"),
            Self::Client(index) => write!(f, "client{}", index + 1),
            Self::Everybody => f.write_str("everybody"),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Meta => f.write_str("meta"),
            Self::Node(who) => who.fmt(f),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut(left, right, Way::Both) => write!(f, "cut {left} <-> {right}"),
            Self::Cut(left, right, Way::There) => write!(f, "cut {left} -> {right}"),
            Self::Cut(left, right, Way::Back) => write!(f, "cut {left} <- {right}"),
            Self::Pause(target) => write!(f, "pause {target}"),
            Self::Kill(target) => write!(f, "kill {target}"),
            Self::Stop(who) => write!(f, "stop {who}"),
            Self::HandOver { partition, .. } => write!(f, "hand over partition {partition}"),
            Self::DiskMove { node, .. } => write!(f, "move between disks of node{}", node + 1),
            Self::RegionMove { partition, .. } => write!(f, "move partition {partition}"),
        }
    }
}
