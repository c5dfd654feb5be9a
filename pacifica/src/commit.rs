//! Committing: moving the committed decree on, one record at a time, and keeping some committed ones for learners.

use std::sync::Arc;

use common::types::{Decree, Mutation};

use crate::effect::Effect;
use crate::state::State;

impl State {
    /// Commits up to `to`, as far as records are held without a gap.
    pub(crate) fn commit_through(&mut self, to: Decree) {
        while self.committed < to {
            let next = self.committed.next();
            let Some(mutation) = self.list.get(next).cloned() else { break };
            let tokens = self.list.take_tokens(next);
            self.open_tokens -= tokens.len();
            self.commit_one(mutation, tokens);
        }
        self.list.evict(self.committed, self.cache_bytes);
    }

    /// Keeps at most so many bytes of committed mutations, and never more than the options say.
    pub(crate) fn limit_cache(&mut self, bytes: usize) {
        let bytes = bytes.min(self.options.cache_bytes);
        if bytes < std::mem::replace(&mut self.cache_bytes, bytes) {
            self.list.evict(self.committed, bytes);
        }
    }

    /// Commits a record that was learned, and so was never in the list.
    pub(crate) fn commit_learned(&mut self, mutation: Arc<Mutation>) {
        assert!(mutation.decree == self.committed.next(), "learned {} after {}", mutation.decree, self.committed);
        self.commit_one(mutation, Vec::new());
    }

    fn commit_one(&mut self, mutation: Arc<Mutation>, tokens: Vec<crate::event::Token>) {
        self.committed = mutation.decree;
        self.applied_ballot = mutation.ballot;
        self.note_time(mutation.time_ms);
        self.emit(Effect::Apply { mutation, tokens });
    }

    /// What the log knew to be committed at start is applied with the first step.
    pub(crate) fn commit_recovered(&mut self) {
        if self.recovered > self.committed {
            self.commit_through(self.recovered);
            self.recovered = self.committed;
        }
    }

    /// The last decree that is prepared here without a gap.
    pub(crate) fn prepared(&self) -> Decree {
        self.list.gapless(self.committed)
    }
}
