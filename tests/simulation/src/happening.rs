//! Everything that can be due, and everything that travels.

use std::sync::Arc;

use common::rpc::meta_node::Heartbeat;
use common::types::{
    Ballot, Beacon, BeaconAnswer, ConfigChange, Decree, Envelope, Gpid, Incarnation, Member, Mutation, PartitionConfig,
    PeerId, ProcessId,
};
use pacifica::RequestId;

use crate::history::OpId;
use crate::storage::Snapshot;

/// Who sends or receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Address {
    Node(usize),
    Meta,
    Client(usize),
}

/// What is due.
#[derive(Debug)]
pub(crate) enum Happening {
    /// The next client operation or fault.
    Action,
    /// A packet arrives.
    Deliver(Box<Packet>),
    /// A node's timer.
    Tick { node: usize, run: u64 },
    /// A disk finished writing and syncing a group of its log.
    GroupDone { node: usize, run: u64, disk: usize },
    /// A durable operation on a directory is complete.
    FileDone { node: usize, run: u64, op: u64 },
    /// A read on its way through the primary goes one step on.
    ReadGoesOn { node: usize, run: u64, read: u64 },
    /// A replica that hung goes on.
    Unhang { node: usize, run: u64, gpid: Gpid },
    /// A stopped node starts.
    Start { node: usize, absent: Option<usize> },
    /// A process that was stopped goes on.
    Resume { node: usize },
    /// A process is ended and started again.
    Restart { node: usize },
    /// A client waits no longer.
    ClientTimeout { client: usize, op: OpId },
    /// The meta server's timer.
    MetaTick,
    /// The meta server is reachable again.
    MetaReturns,
    /// A disturbance of the network ends.
    NetworkCalms { disturbance: u64 },
    /// A disk has room again.
    DiskHasRoom { node: usize, disk: usize },
}

impl Happening {
    /// Whether a client's operation arrives.
    pub(crate) fn is_request(&self) -> bool {
        matches!(self, Self::Deliver(packet) if matches!(packet.body, Body::Request { .. }))
    }

    /// The node whose process must be running for this.
    pub(crate) const fn process(&self) -> Option<(usize, Option<u64>)> {
        match self {
            Self::Tick { node, run }
            | Self::GroupDone { node, run, .. }
            | Self::FileDone { node, run, .. }
            | Self::ReadGoesOn { node, run, .. }
            | Self::Unhang { node, run, .. } => Some((*node, Some(*run))),
            Self::Deliver(packet) => match packet.to {
                Address::Node(node) => Some((node, None)),
                Address::Meta | Address::Client(_) => None,
            },
            Self::Action
            | Self::Start { .. }
            | Self::Restart { .. }
            | Self::Resume { .. }
            | Self::ClientTimeout { .. }
            | Self::MetaTick
            | Self::MetaReturns
            | Self::NetworkCalms { .. }
            | Self::DiskHasRoom { .. } => None,
        }
    }
}

impl Body {
    /// Whether it is a message from one copy to another.
    pub(crate) const fn is_replication(&self) -> bool {
        matches!(self, Self::Replication(_))
    }
}

/// Something on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) from: Address,
    pub(crate) to: Address,
    pub(crate) body: Body,
}

/// What a packet carries.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    Replication(Envelope),
    Beacon(Beacon),
    BeaconAnswer(BeaconAnswer),
    LearnAsk {
        gpid: Gpid,
        learner: Member,
        primary: Member,
        from: Decree,
        ballot: Ballot,
    },
    LearnGive {
        gpid: Gpid,
        learner: Member,
        ballot: Ballot,
        given: Given,
    },
    Request {
        op: OpId,
        gpid: Gpid,
        kind: OpKind,
    },
    Reply {
        op: OpId,
        reply: Reply,
    },
    /// A process says that it is there, and hears what the configurations were when it started.
    Register(ProcessId),
    Registered {
        process: ProcessId,
        configs: Vec<Arc<PartitionConfig>>,
    },
    /// The meta server does not know this process: it must register.
    Stranger(ProcessId),
    Heartbeat(Box<Heartbeat>),
    Install(Arc<PartitionConfig>),
    Collect(Vec<(Gpid, Incarnation, Ballot)>),
    Change(ChangeRequest),
    Changed {
        process: ProcessId,
        gpid: Gpid,
        request: Requested,
        config: Arc<PartitionConfig>,
        refused: bool,
    },
}

/// A compare-and-set on its way to the meta server.
#[derive(Clone, Debug)]
pub(crate) struct ChangeRequest {
    pub(crate) process: ProcessId,
    pub(crate) peer: PeerId,
    pub(crate) gpid: Gpid,
    pub(crate) request: Requested,
    pub(crate) expected: Ballot,
    pub(crate) change: ConfigChange,
}

/// Who on the node waits for the outcome of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Requested {
    /// The replica's core, of this opening: another opening of the replica counts its requests anew.
    Core(u64, RequestId),
    /// The disk move of the partition.
    Move,
}

/// What a learner is given.
#[derive(Clone, Debug)]
pub(crate) enum Given {
    Mutations(Vec<Arc<Mutation>>),
    Checkpoint(Box<Snapshot>),
}

/// What a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum OpKind {
    Get { key: u16 },
    Put { key: u16, value: u64 },
    CompareAndSet { key: u16, expect: Option<u64>, value: u64 },
}

impl OpKind {
    pub(crate) const fn key(self) -> u16 {
        match self {
            Self::Get { key } | Self::Put { key, .. } | Self::CompareAndSet { key, .. } => key,
        }
    }
}

/// What a client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reply {
    /// Of a read, or of a compare-and-set that found another value.
    Value(Option<u64>),
    /// The write is committed.
    Written,
    /// It got no decree; this node may be primary instead.
    Refused(Option<usize>),
    /// Its fate is not known.
    Unknown,
}
