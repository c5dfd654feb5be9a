//! Clients: writes become mutations, conditional writes that write nothing wait for what they saw, reads get a lease.

use std::sync::Arc;

use common::types::{Body, Decree, Mutation, Time, Writes};

use super::Primary;
use crate::effect::{Answer, Refusal};
use crate::event::Token;
use crate::state::State;

impl Primary {
    /// A client's write.
    pub(crate) fn write(&mut self, state: &mut State, token: Token, writes: Writes) {
        if let Some(why) = self.refusal(state) {
            return state.refuse(token, why);
        }
        self.batch.push(&state.options, token, writes);
        if !state.options.gather {
            self.pump(state);
        }
    }

    fn refusal(&self, state: &State) -> Option<Refusal> {
        let config = state.config.as_ref()?;
        if !self.serving || self.proposal.abdicates() || self.is_draining() {
            Some(Refusal::NotServing)
        } else if !state.may_append() {
            Some(Refusal::Unhealthy)
        } else if config.member_count() < config.min_replicas() {
            Some(Refusal::TooFewMembers)
        } else if !self.batch.has_room(&state.options) {
            Some(Refusal::Busy)
        } else {
            None
        }
    }

    /// Forms mutations: one at a time, a second only of a full batch, so that batches grow with the load.
    pub(crate) fn pump(&mut self, state: &mut State) {
        while self.may_form(state) {
            let Some((tokens, writes)) = self.batch.pop() else { return };
            let (decree, time_ms) = (self.next, state.next_time_ms());
            let mutation = Arc::new(Mutation { ballot: state.ballot, decree, time_ms, body: Body::Writes(writes) });
            self.next = decree.next();
            state.prepare(mutation.clone(), tokens);
            self.own.note(state.durability.issued(), decree);
            self.send_one(state, &mutation);
        }
    }

    fn may_form(&self, state: &State) -> bool {
        let Some(full) = self.batch.next_is_full(&state.options) else { return false };
        let in_flight = self.last().0 - state.committed.0;
        let room = in_flight == 0 || (full && in_flight < state.options.max_in_flight as u64);
        room && self.begun && self.serving && !self.proposal.abdicates() && state.may_append()
    }

    /// A conditional write that writes nothing: a read that waits for what it saw (rule REPLIES).
    pub(crate) fn barrier(&mut self, state: &mut State, token: Token, seen: Decree) {
        if state.faults.failed_cas_answered_from_overlay && self.serving {
            state.answer(token, Answer::ReadReady);
        } else if !self.serving || self.proposal.abdicates() {
            state.refuse(token, Refusal::NotServing);
        } else if seen <= state.committed {
            self.answer_barrier(state, token);
        } else if self.barriers.len() >= state.options.queue_writes {
            state.refuse(token, Refusal::Busy);
        } else {
            self.barriers.insert((seen, token));
        }
    }

    /// What barriers waited for is committed.
    pub(super) fn release_barriers(&mut self, state: &mut State) {
        while self.barriers.first().is_some_and(|(seen, _)| *seen <= state.committed) {
            let Some((_, token)) = self.barriers.pop_first() else { return };
            self.answer_barrier(state, token);
        }
    }

    fn answer_barrier(&self, state: &mut State, token: Token) {
        match self.read_until(state) {
            Some(until) if state.now.mono < until => state.answer(token, Answer::ReadReady),
            Some(_) | None => state.refuse(token, Refusal::NotServing),
        }
    }

    /// Until when reads are allowed: the least lease of all that count; without others, for ever.
    pub(crate) fn read_until(&self, state: &State) -> Option<Time> {
        if !self.serving || self.proposal.abdicates() {
            return None;
        }
        let counting = self.followers.iter().filter(|f| self.counts(state, f));
        counting
            .map(|f| f.lease.until(state.options.lease))
            .try_fold(Time(u64::MAX), |least, until| Some(least.min(until?)))
    }
}
