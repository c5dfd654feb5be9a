//! What secondary and learner have in common: taking prepares, knowing what matches the primary's stream,
//! acknowledging what is durable, and committing what is both committed there and matched here.

use std::sync::Arc;

use common::types::{Decree, Member, Message, Mutation, Prepare, PrepareAck, RefuseReason};

use crate::durability::Watermark;
use crate::event::AppendSeq;
use crate::state::State;

/// A copy that follows a primary through one ballot.
#[derive(Debug)]
pub(crate) struct Following {
    pub(crate) primary: Option<Member>,
    /// Whether a prepare of this ballot arrived.
    begun: bool,
    /// Up to here the records are what this ballot's primary sent or committed, without a gap.
    pub(crate) matched: Decree,
    /// As much of `matched` as is durable.
    synced: Watermark,
    /// The primary's committed decree, as last heard.
    pub(crate) primary_committed: Decree,
}

impl Following {
    /// Enters a ballot: only what is committed is known to match.
    pub(crate) fn new(state: &State, primary: Option<Member>) -> Self {
        let mut following = Self {
            primary,
            begun: false,
            matched: Decree(0),
            synced: Watermark::default(),
            primary_committed: Decree(0),
        };
        following.reach(state, state.committed);
        following
    }

    /// Takes a prepare of this ballot. What is news is acknowledged once durable, anything else at once.
    pub(crate) fn prepare(&mut self, state: &mut State, prepare: Prepare, bytes_max: usize) {
        // A full disk still follows the commit point, so that an idle member outlasts it.
        if !state.may_append() && (state.is_sick() || !prepare.mutations.is_empty()) {
            return self.refuse(state);
        }
        self.begin(state, prepare.base);
        self.primary_committed = self.primary_committed.max(prepare.committed);
        state.note_time(prepare.time_ms);
        let mut news = false;
        for mutation in prepare.mutations {
            news |= take(state, mutation, bytes_max);
        }
        self.advance(state);
        if news {
            self.settle(state);
        } else {
            self.acknowledge(state);
        }
    }

    /// The first prepare of a ballot: everything up to the primary's committed decree at its begin is committed, and a
    /// member holds the committed version.
    fn begin(&mut self, state: &State, base: Decree) {
        if !std::mem::replace(&mut self.begun, true) {
            self.reach(state, state.prepared().min(base));
        }
    }

    /// Moves on over records of this ballot that follow without a gap, and commits what the primary has committed.
    pub(crate) fn advance(&mut self, state: &mut State) {
        let mut matched = self.matched.max(state.committed);
        if self.begun {
            while state.list.get(matched.next()).is_some_and(|next| next.ballot == state.ballot) {
                matched = matched.next();
            }
        }
        self.reach(state, matched);
        state.commit_through(self.primary_committed.min(self.matched));
    }

    fn reach(&mut self, state: &State, matched: Decree) {
        if matched > self.matched {
            self.matched = matched;
            self.synced.note(state.durability.issued(), matched);
        }
    }

    /// Something became durable: acknowledges if that is news.
    pub(crate) fn settle(&mut self, state: &mut State) {
        if self.synced.settle(state.durable()) {
            self.acknowledge(state);
        }
    }

    /// Tells the primary what is durable here.
    pub(crate) fn acknowledge(&mut self, state: &mut State) {
        let (Some(primary), true, true) = (self.primary, self.begun, state.may_speak()) else { return };
        self.synced.settle(state.durable());
        let matched = if state.faults.learner_promoted_with_gap { state.list.last() } else { Decree(0) };
        let matched = matched.max(self.synced.reached());
        let ack = PrepareAck { ballot: state.ballot, matched, committed: state.committed };
        state.send(primary, Message::PrepareAck(ack), state.durability.durable());
    }

    fn refuse(&self, state: &mut State) {
        let reason = if state.is_sick() { RefuseReason::Unhealthy } else { RefuseReason::NoSpace };
        if let Some(primary) = self.primary {
            let refusal = Message::PrepareRefused { ballot: state.ballot, reason };
            state.send(primary, refusal, AppendSeq(0));
        }
    }
}

/// Holds one mutation of the stream; whether it is news.
fn take(state: &mut State, mutation: Arc<Mutation>, bytes_max: usize) -> bool {
    let decree = mutation.decree;
    if decree <= state.committed || mutation.ballot != state.ballot {
        return false;
    }
    if let Some(held) = state.list.get(decree).filter(|held| held.ballot >= mutation.ballot) {
        assert!(*held == mutation, "({}, {decree}) arrived with two contents (rule DECREES)", mutation.ballot);
        return false;
    }
    if !state.list.reaches(decree) || state.list.bytes() + mutation.size() > bytes_max {
        return false;
    }
    state.prepare(mutation, Vec::new());
    true
}
