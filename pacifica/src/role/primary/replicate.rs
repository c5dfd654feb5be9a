//! Sending prepares, hearing answers, committing what every member has durably.

use std::sync::Arc;

use common::types::{Ballot, Decree, Member, Mutation, PeerId, PrepareAck, RefuseReason, Time};

use super::Primary;
use super::follower::{Follower, Leaving};
use crate::state::State;

impl Primary {
    /// Brings every copy up to the last decree given.
    pub(super) fn send_all(&mut self, state: &mut State) {
        for follower in &mut self.followers {
            send_from(state, follower, self.base, state.committed);
        }
    }

    /// Sends a mutation just formed to every copy.
    pub(super) fn send_one(&mut self, state: &mut State, mutation: &Arc<Mutation>) {
        for follower in &mut self.followers {
            state.send_prepare(follower.member, self.base, vec![mutation.clone()]);
            follower.sent(mutation.decree, state.committed, state.now.mono);
        }
    }

    /// A copy acknowledges.
    pub(crate) fn acknowledged(&mut self, state: &mut State, from: Member, ack: PrepareAck) {
        if ack.ballot != state.ballot || !self.begun {
            return;
        }
        let last = self.last();
        if let Some(follower) = self.followers.iter_mut().find(|f| f.member == from) {
            follower.acknowledged(ack, last, state.now.mono);
        }
        self.try_commit(state);
        self.decide(state);
    }

    /// A copy refuses a prepare.
    pub(crate) fn refused(&mut self, state: &mut State, from: Member, ballot: Ballot, reason: RefuseReason) {
        let base = self.base;
        let Some(follower) = self.followers.iter_mut().find(|f| f.member == from) else { return };
        match reason {
            RefuseReason::NoRole if ballot < state.ballot => {
                state.send_config(from);
                if self.begun {
                    send_from(state, follower, base, follower.matched.max(base));
                }
            }
            RefuseReason::NoRole | RefuseReason::NoSpace | RefuseReason::Unhealthy if ballot == state.ballot => {
                follower.leaving.get_or_insert(Leaving::Unfit);
                self.decide(state);
            }
            // An older primary hears of its successor by the configuration that comes with the refusal.
            RefuseReason::StaleBallot | RefuseReason::NoRole | RefuseReason::NoSpace | RefuseReason::Unhealthy => {}
        }
    }

    /// A copy granted a beacon's entry; only one sent in this tenure, while it named that copy, counts.
    pub(crate) fn lease_granted(&mut self, state: &mut State, by: PeerId, ballot: Ballot, sent_at: Time) {
        if ballot > state.ballot {
            return;
        }
        if let Some(follower) = self.followers.iter_mut().find(|f| f.member.peer == by && ballot >= f.since) {
            follower.lease.granted(sent_at);
        }
        self.decide(state);
    }

    /// More of the log is durable.
    pub(crate) fn appended(&mut self, state: &mut State) {
        if self.own.settle(state.durable()) {
            self.try_commit(state);
            self.decide(state);
        }
    }

    /// Commits what all that count have durably, opens if that was all that was missing, and forms what waits.
    pub(super) fn try_commit(&mut self, state: &mut State) {
        if self.suspended() || self.wait_until.is_some_and(|until| state.now.mono < until) {
            return;
        }
        self.own.settle(state.durable());
        if let Some(to) = self.agreed(state) {
            if to > state.committed {
                state.commit_through(to);
                self.committed_at = state.now.mono;
                self.release_barriers(state);
            }
            self.serving |= self.opening.is_some_and(|opening| state.committed >= opening);
        }
        self.pump(state);
    }

    /// The highest decree that every copy that counts has durably; `None` while one has not answered in this ballot.
    fn agreed(&self, state: &State) -> Option<Decree> {
        let counting = self.followers.iter().filter(|f| self.counts(state, f));
        counting
            .map(|f| f.answered.then_some(f.matched))
            .try_fold(self.own.reached(), |least, has| Some(least.min(has?)))
    }

    /// Sends again what was not answered, and the commit point to those that hear of nothing else.
    pub(super) fn repeat(&mut self, state: &mut State) {
        if !self.begun {
            return;
        }
        // Ticks come every 100 ms, so half the notice keeps the whole delay within 200 ms.
        let notice = state.now.mono >= self.committed_at + state.options.commit_notice / 2;
        for follower in &mut self.followers {
            let due = state.now.mono >= follower.sent_at + state.options.resend;
            // A learner's last word may be lost, and an idle partition has no other reason to ask it again.
            let lags = follower.learner && follower.matched < state.committed;
            if due && (lags || !follower.is_done()) {
                // What a learner lacks below the commit point it fetches itself; a member holds everything up to `base`.
                let has = if follower.learner { state.committed } else { self.base };
                send_from(state, follower, self.base, follower.matched.max(has));
            } else if notice && follower.told < state.committed {
                send_from(state, follower, self.base, follower.sent);
            }
        }
    }
}

/// Sends what follows `after`, as much as one batch; nothing of it may be held any more, then it carries the commit
/// point alone.
fn send_from(state: &mut State, follower: &mut Follower, base: Decree, after: Decree) {
    let mut bytes = 0;
    let room = |mutation: &&Arc<Mutation>| {
        let first = bytes == 0;
        bytes += mutation.size();
        first || bytes <= state.options.batch_bytes * state.options.max_in_flight
    };
    let run = state.list.run(after.next()).take_while(|m| m.ballot == state.ballot);
    let mutations: Vec<Arc<Mutation>> = run.take_while(room).cloned().collect();
    let last = mutations.last().map_or(follower.sent, |m| m.decree);
    state.send_prepare(follower.member, base, mutations);
    follower.sent(last, state.committed, state.now.mono);
}
