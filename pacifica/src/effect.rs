//! What a replica wants done: the output of [`crate::Replica::step`]. The runtime performs effects in order.

use std::sync::Arc;

use common::types::{Ballot, ConfigChange, Decree, Envelope, Member, Mutation, ReplicaStatus};

use crate::event::{AppendSeq, RequestId, Token};

/// What a replica wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Append to the mutation log, in this order; answer with [`crate::Event::Appended`] once durable.
    Append {
        /// This append.
        seq: AppendSeq,
        /// What is appended, under the replica's incarnation.
        mutation: Arc<Mutation>,
        /// Committed decree when it was appended: the frame carries it, so that a restart knows what it may apply.
        committed: Decree,
    },
    /// Write the ballot into `.replica-info`, durably; answer with [`crate::Event::BallotPersisted`].
    PersistBallot {
        /// The ballot.
        ballot: Ballot,
    },
    /// Send to another copy. `after` names what must be durable first; the core emits it only then, and the runtime
    /// asserts it.
    Send {
        /// What, and to whom.
        envelope: Box<Envelope>,
        /// Durable before this may be sent.
        after: AppendSeq,
    },
    /// Apply a committed mutation to the storage, in order of decree; then tell the tokens that their write is done.
    Apply {
        /// What to apply.
        mutation: Arc<Mutation>,
        /// Whose writes it carries, in the order of their operations.
        tokens: Vec<Token>,
    },
    /// Answer a client operation.
    Answer {
        /// Which.
        token: Token,
        /// How.
        answer: Answer,
    },
    /// Ask the meta server for a change by compare-and-set on `expected`, again and again until the outcome is known.
    Propose {
        /// Names it.
        request: RequestId,
        /// The ballot that the change is based on.
        expected: Ballot,
        /// The change.
        change: ConfigChange,
    },
    /// Fetch what is missing from the primary, beginning at `from`; earlier learns of this replica are void.
    StartLearn {
        /// Whom to ask.
        primary: Member,
        /// The learn's name.
        ballot: Ballot,
        /// The first decree that is missing.
        from: Decree,
    },
    /// Stop fetching.
    StopLearn,
    /// Everything past `after` is void, in memory and in the overlay: records that a marker voids (the marker does the
    /// same in the log), records that a learner gave up, or writes that waited for a decree and were refused.
    Truncated {
        /// The last decree that stays.
        after: Decree,
    },
    /// The role or its ballot changed. A replica that became inactive because the configuration no longer names it says
    /// so here. Client operations of an ended role were answered before; the overlay is void unless the replica was
    /// primary and still is.
    RoleChanged {
        /// The new status.
        status: ReplicaStatus,
        /// Its ballot.
        ballot: Ballot,
    },
}

/// How a client operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A read barrier was reached under the lease: answer with what was evaluated.
    ReadReady,
    /// Refused; it got no decree, so it may be tried again elsewhere.
    Refused(Refusal),
    /// It got a decree and its fate is not known here (rule RETRY).
    OutcomeUnknown,
}

/// Why an operation was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Not the primary.
    NotPrimary,
    /// Primary, but not serving yet, handing over, or without a lease.
    NotServing,
    /// Fewer members than `min_replicas`.
    TooFewMembers,
    /// Too much is waiting.
    Busy,
    /// The disk has no room or failed.
    Unhealthy,
}
