//! What can happen to a replica: the input of [`crate::Replica::step`].

use std::sync::Arc;

use common::types::{Ballot, Decree, Envelope, Member, MovingRequest, Mutation, PartitionConfig, PeerId, Time, Writes};

/// Names one client operation to the runtime; answers carry it back. Never reused by the runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// Counts the appends of one replica, so that "durable up to here" is one number. Rises by one with each
/// [`crate::Effect::Append`], across ballots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppendSeq(pub u64);

/// Names one proposal to the meta server. The runtime keeps asking until the outcome is known (rule UNION).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// What can happen to a replica.
#[derive(Clone, Debug)]
pub enum Event {
    /// A configuration became known: pushed, polled, answered, or passed on. Older ones are ignored.
    Config(Arc<PartitionConfig>),
    /// The meta server answered a proposal, and so its outcome is known: `config` is the present configuration
    /// (ballot above the expected one), whether it came of this proposal or of another; `None` if it was refused for
    /// good with the ballot unchanged, and cannot be installed any more.
    ChangeAnswered {
        /// Which proposal.
        request: RequestId,
        /// The present configuration.
        config: Option<Arc<PartitionConfig>>,
    },
    /// A client's write, already evaluated to plain writes. Log space for it is reserved.
    Write {
        /// Whom to answer.
        token: Token,
        /// What to write.
        writes: Writes,
    },
    /// The writes that arrived together are all told: they may form a mutation. Only with `Options::gather`.
    Gathered,
    /// A conditional write that writes nothing: to be answered as a read (rule REPLIES).
    ReadBarrier {
        /// Whom to answer.
        token: Token,
        /// The highest decree that its evaluation saw, in the overlay or applied.
        seen: Decree,
    },
    /// A message of another copy.
    Message(Box<Envelope>),
    /// Every append up to `seq` is durable.
    Appended {
        /// The last of them.
        seq: AppendSeq,
    },
    /// An append failed: its outcome, and that of all after it, is unknown (rule DECREES).
    AppendFailed,
    /// `.replica-info` with this ballot is durable.
    BallotPersisted {
        /// The ballot.
        ballot: Ballot,
    },
    /// The other node granted this partition's entry of a beacon.
    LeaseGranted {
        /// The granting node.
        by: PeerId,
        /// The ballot that the beacon's roster carried.
        ballot: Ballot,
        /// When the beacon was *sent*, by this node's clock.
        sent_at: Time,
    },
    /// This node granted an entry of a beacon of `primary` for this partition.
    BeaconAnswered {
        /// The node that sent the beacon.
        primary: PeerId,
        /// When it was answered, by this node's clock.
        at: Time,
    },
    /// Committed mutations fetched from the primary, in order, beginning at the decree asked for.
    Learned {
        /// The learn that this belongs to (its ballot).
        ballot: Ballot,
        /// The mutations.
        mutations: Vec<Arc<Mutation>>,
    },
    /// A checkpoint replaced the storage: everything up to `decree` is applied and durable. A learner whose log may
    /// hold records that it gave up earlier resigns here, and comes back with a new incarnation.
    CheckpointInstalled {
        /// The learn that this belongs to (its ballot).
        ballot: Ballot,
        /// The checkpoint's applied decree.
        decree: Decree,
        /// The greatest mutation time in it (rule TIME).
        time_ms: u64,
    },
    /// A learn reached what it was asked for, or failed; the core asks again while something is missing.
    LearnEnded {
        /// The learn that ended (its ballot).
        ballot: Ballot,
    },
    /// The replica's disk failed, stalls, or is full; or is well again. An unhealthy replica leaves the roster,
    /// abdicates and refuses prepares (rule LEASES).
    Health(Health),
    /// A member that leaves for a disk move asks, on its own node, to be dropped by the primary; it goes on asking
    /// until it is out. The only copy of a table of one replica drops itself, once what is in flight is committed. Any
    /// other primary hands over first.
    Leave(MovingRequest),
    /// Its disk move was given up: it asks no more. What it asked for before may still come, unless the meta server
    /// knows that the job is over.
    Stay,
    /// The meta server asks this primary to drop a secondary for good, because another copy took its place. It does once
    /// enough members are left without it; others ignore it.
    Release {
        /// Which copy.
        member: Member,
    },
    /// An operator, the meta server, or this node's shutdown asks this primary to hand over. A secondary passes it on,
    /// if it says to whom.
    HandOver {
        /// To whom; `None`: to the most advanced secondary.
        to: Option<Member>,
    },
    /// Time passed. Sent at least every 100 ms.
    Tick,
    /// The clock jumped (suspend, or a pause longer than half a lease): every lease counts as lost, and a full beacon
    /// round precedes any proposal to drop.
    ClockJumped,
}

/// Whether a replica can do its duty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It can.
    Well,
    /// Its disk has no room: it refuses writes and prepares, and may still lead reads.
    NoSpace,
    /// Its oldest append is older than `log.stall`, or its disk failed.
    Sick,
}
