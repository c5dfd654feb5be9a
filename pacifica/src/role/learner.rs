//! The learner (potential secondary): it fetches what is committed, takes new prepares meanwhile, and is promoted by
//! the primary once nothing is missing.

use std::sync::Arc;
use std::time::Duration;

use common::types::{Ballot, Decree, Member, Mutation, Prepare, Time};

use super::follow::Following;
use crate::effect::Effect;
use crate::state::State;

/// A learner holds so many times the cache in prepares that it cannot commit yet; past it they come by learning.
const HELD_CACHES_MAX: usize = 4;

/// A copy that catches up.
#[derive(Debug)]
pub(crate) struct Learner {
    pub(crate) following: Following,
    /// The learn under way, by its name.
    learning: Option<Ballot>,
    /// What was committed here when it began.
    began_at: Decree,
    /// When a learn may begin again.
    again_at: Time,
}

impl Learner {
    /// Enters a ballot. Unless it goes on under the same primary, its own uncommitted records go first: nobody waited
    /// for a learner, so they may be of a past that did not happen.
    pub(crate) fn new(state: &mut State, primary: Option<Member>, before: Option<Self>, follows: bool) -> Self {
        let same = before.filter(|before| before.following.primary == primary && primary.is_some());
        if same.is_none() || !follows {
            state.give_up_tail();
        }
        let learning = same.as_ref().and_then(|before| before.learning);
        let began_at = same.as_ref().map_or(state.committed, |before| before.began_at);
        let (following, again_at) = (Following::new(state, primary), state.now.mono);
        let mut learner = Self { following, learning, began_at, again_at };
        if learner.learning.is_none() {
            learner.start(state);
        }
        learner
    }

    /// The role ends.
    pub(crate) fn stop(&mut self, state: &mut State) {
        if self.learning.take().is_some() {
            state.emit(Effect::StopLearn);
        }
    }

    pub(crate) fn prepare(&mut self, state: &mut State, prepare: Prepare) {
        let bytes_max = state.options.cache_bytes.saturating_mul(HELD_CACHES_MAX);
        self.following.prepare(state, prepare, bytes_max);
        self.learn_if_missing(state);
    }

    /// Committed mutations arrived. They are logged here too: what is acknowledged must be durable here.
    pub(crate) fn learned(&mut self, state: &mut State, ballot: Ballot, mutations: Vec<Arc<Mutation>>) {
        if self.learning != Some(ballot) || !state.may_append() {
            return;
        }
        for mutation in mutations {
            if mutation.decree == state.committed.next() {
                Self::learn_one(state, mutation);
            }
        }
        self.following.advance(state);
        self.following.settle(state);
    }

    fn learn_one(state: &mut State, mutation: Arc<Mutation>) {
        let decree = mutation.decree;
        let held = state.list.get(decree).is_some_and(|held| held.ballot >= mutation.ballot);
        if held {
            state.commit_through(decree);
        } else {
            state.append(mutation.clone());
            state.list.forget_through(decree);
            state.commit_learned(mutation);
        }
    }

    /// A checkpoint took the storage's place. Returns whether this copy can go on.
    ///
    /// What it gave up earlier may still stand in its log past the checkpoint's decree, and the marker that voids it
    /// lies below, in the checkpoint: a restart would bring it back. Such a copy resigns; the next incarnation begins
    /// with this checkpoint and an empty log (rules OPENING, LOG).
    pub(crate) fn installed(&mut self, state: &mut State, ballot: Ballot, decree: Decree, time_ms: u64) -> bool {
        if self.learning != Some(ballot) || decree <= state.committed {
            return true;
        }
        if state.log_has_remains {
            self.stop(state);
            state.give_up_tail();
        }
        state.list.forget_through(decree);
        state.committed = decree;
        state.note_time(time_ms);
        if !state.log_has_remains {
            self.following.advance(state);
            self.following.settle(state);
        }
        !state.log_has_remains
    }

    /// A learn ended, well or not. After one that brought something the next follows at once: were it put off, a writer
    /// could fill what a learner may hold in every pause, and the learner would never catch up.
    pub(crate) fn ended(&mut self, state: &mut State, ballot: Ballot) {
        if self.learning == Some(ballot) {
            self.learning = None;
            let pause = if state.committed > self.began_at { Duration::ZERO } else { state.options.resend };
            self.again_at = state.now.mono + pause;
            self.following.acknowledge(state);
            self.learn_if_missing(state);
        }
    }

    pub(crate) fn tick(&mut self, state: &mut State) {
        self.learn_if_missing(state);
    }

    fn learn_if_missing(&mut self, state: &mut State) {
        let missing = self.following.primary_committed > self.following.matched;
        if missing && self.learning.is_none() && state.now.mono >= self.again_at {
            self.start(state);
        }
    }

    fn start(&mut self, state: &mut State) {
        if let Some(primary) = self.following.primary {
            self.learning = Some(state.ballot);
            self.began_at = state.committed;
            self.again_at = state.now.mono + state.options.resend;
            state.emit(Effect::StartLearn { primary, ballot: state.ballot, from: state.committed.next() });
        }
    }
}
