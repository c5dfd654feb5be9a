//! Every operation of every client, as the clients saw them.

use common::types::Gpid;

use crate::happening::{OpKind, Reply};

/// Names an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct OpId(pub(crate) usize);

/// An operation. Times are true time in microseconds; no two of one key have equal ends by construction of the queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    pub(crate) gpid: Gpid,
    pub(crate) kind: OpKind,
    /// Position of the call in the order of all calls and returns.
    pub(crate) called: u64,
    pub(crate) outcome: Outcome,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Still under way when the run ended, or given up, or reported as unknown.
    Unknown,
    /// Certainly without effect.
    Refused,
    /// Done at this position.
    Done(u64, Reply),
}

/// All operations.
#[derive(Debug, Default)]
pub(crate) struct History {
    operations: Vec<Operation>,
    positions: u64,
}

impl History {
    pub(crate) fn call(&mut self, gpid: Gpid, kind: OpKind) -> OpId {
        let called = self.position();
        self.operations.push(Operation { gpid, kind, called, outcome: Outcome::Unknown });
        OpId(self.operations.len() - 1)
    }

    pub(crate) fn end(&mut self, op: OpId, reply: Reply) {
        let at = self.position();
        if let Some(operation) = self.operations.get_mut(op.0) {
            operation.outcome = match reply {
                Reply::Unknown => Outcome::Unknown,
                Reply::Refused(_) => Outcome::Refused,
                Reply::Value(_) | Reply::Written => Outcome::Done(at, reply),
            };
        }
    }

    pub(crate) fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// How many operations were answered, of how many.
    pub(crate) fn answered(&self) -> (usize, usize) {
        let done = self.operations.iter().filter(|operation| matches!(operation.outcome, Outcome::Done(..)));
        (done.count(), self.operations.len())
    }

    fn position(&mut self) -> u64 {
        self.positions += 1;
        self.positions
    }
}
