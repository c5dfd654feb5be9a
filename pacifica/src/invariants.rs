//! What must hold after every step, in production too: a replica that breaks one of these stops rather than goes on
//! with a history that nobody can repair.

use common::types::{Ballot, Decree};

use crate::replica::Replica;
use crate::role::Role;

/// What is remembered from step to step, to see that it only rises.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Risen {
    ballot: Ballot,
    committed: Decree,
    time_ms: u64,
}

impl Replica {
    /// Asserts every invariant, each by its name.
    pub(crate) fn assert_invariants(&mut self) {
        self.ballot_only_rises();
        self.committed_only_rises();
        self.time_only_rises();
        self.nothing_durable_that_was_not_issued();
        self.primary_is_configured();
        self.every_token_is_answered_once();
        let state = &self.state;
        self.risen = Risen { ballot: state.ballot, committed: state.committed, time_ms: state.time_ms };
    }

    fn ballot_only_rises(&self) {
        let (was, is) = (self.risen.ballot, self.state.ballot);
        assert!(is >= was, "ballot_only_rises: {} fell from {was} to {is}", self.state.gpid);
    }

    fn committed_only_rises(&self) {
        let (was, is) = (self.risen.committed, self.state.committed);
        assert!(is >= was, "committed_only_rises: {} fell from {was} to {is}", self.state.gpid);
    }

    fn time_only_rises(&self) {
        assert!(self.state.time_ms >= self.risen.time_ms, "time_only_rises: {} (rule TIME)", self.state.gpid);
    }

    fn nothing_durable_that_was_not_issued(&self) {
        let durability = self.state.durability;
        assert!(durability.durable() <= durability.issued(), "nothing_durable_that_was_not_issued: {durability:?}");
    }

    fn primary_is_configured(&self) {
        if let Role::Primary(_) = self.role {
            let config = self.state.config.as_ref();
            let named = config.is_some_and(|c| c.primary == Some(self.state.me) && c.ballot == self.state.ballot);
            assert!(named, "primary_is_configured: {} leads {} unnamed", self.state.me, self.state.gpid);
        }
    }

    fn every_token_is_answered_once(&self) {
        let waiting = match &self.role {
            Role::Primary(primary) => primary.waiting_tokens() + self.state.list.tokens_after(self.state.committed),
            Role::Secondary(_) | Role::Learner(_) | Role::Inactive(_) => 0,
        };
        let open = self.state.open_tokens;
        assert!(waiting == open, "every_token_is_answered_once: {open} open, {waiting} waiting");
    }
}
