//! What comes out of an evaluation, and the ways in which one ends early.

use common::types::Writes;
use resp::Reply;

use crate::view::Missing;

/// What a command amounts to.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// What the client is told, once the writes are committed or, if there are none, once what was seen is.
    pub reply: Reply,
    /// One mutation's worth of writes, to be applied together; empty if nothing changes.
    pub writes: Writes,
}

/// Why a command ends before its last line.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Something must be fetched first.
    Missing,
    /// The client is told this, and nothing is written.
    Answered(Reply),
}

impl From<Missing> for Stop {
    fn from(Missing: Missing) -> Self {
        Self::Missing
    }
}

impl From<Reply> for Stop {
    fn from(reply: Reply) -> Self {
        Self::Answered(reply)
    }
}

/// A reply, or an early end.
pub(crate) type Answer = Result<Reply, Stop>;
