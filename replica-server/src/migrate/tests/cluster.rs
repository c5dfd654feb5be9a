//! The cluster around the node: it gives ballots and incarnations as the meta server would, and keeps every mutation as a
//! primary would.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use common::rpc::{ErrorCode, WireError, WireResult};
use common::types::{Ballot, Decree, Incarnation, Moving, Mutation};
use uuid::Uuid;

/// What the rest of the cluster knows of the partition. Survives restarts of the node.
#[derive(Default)]
pub(super) struct Cluster {
    pub(super) ballot: Ballot,
    /// The incarnation that this node is member with.
    pub(super) member: Option<Incarnation>,
    pub(super) next: Incarnation,
    pub(super) moving: Option<Moving>,
    pub(super) locked: Option<Uuid>,
    pub(super) log: Vec<Arc<Mutation>>,
    pub(super) keys: BTreeSet<Vec<u8>>,
    /// The table has this replica only.
    pub(super) sole: bool,
    /// How many of the other two members are gone.
    pub(super) lost: Arc<AtomicUsize>,
    /// The partition is whole without this node's copy.
    pub(super) replaced: bool,
    /// From where the log was copied to the other disk.
    pub(super) tail_after: Option<Decree>,
    /// What was asked for, in order.
    pub(super) calls: Vec<&'static str>,
    /// Calls that fail, with how.
    pub(super) failing: BTreeMap<&'static str, ErrorCode>,
    /// The primary does not answer one that asks to leave.
    pub(super) silent: bool,
    /// What happens when a call comes, before it is answered.
    pub(super) hook: Option<Hook>,
}

/// What happens at a call.
pub(super) type Hook = (&'static str, Box<dyn Fn() + Send>);

impl Cluster {
    pub(super) fn call(&mut self, name: &'static str) -> WireResult<()> {
        self.calls.push(name);
        if let Some((_, act)) = self.hook.as_ref().filter(|(call, _)| *call == name) {
            act();
        }
        match self.failing.get(name) {
            None => Ok(()),
            Some(code) => Err(WireError::new(*code, format!("{name} fails"), "")),
        }
    }

    pub(super) fn mint(&mut self) -> Incarnation {
        self.next = self.next.next();
        self.ballot = self.ballot.next();
        self.next
    }
}
