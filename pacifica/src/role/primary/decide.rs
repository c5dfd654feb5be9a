//! What the primary proposes to the meta server, one change at a time: drops first, for nothing commits while a member
//! is silent; then hand-overs; then promotions (rule UNION).

use common::types::{ConfigChange, Member, MovingRequest};

use super::follower::{Follower, Leaving};
use super::{Farewell, Primary, Successor};
use crate::effect::Refusal;
use crate::event::RequestId;
use crate::state::State;

/// A learner that was not heard for so many graces is dropped, so that another may be placed.
const LEARNER_GRACES: u32 = 4;

impl Primary {
    /// Time passed.
    pub(crate) fn tick(&mut self, state: &mut State) {
        self.try_commit(state);
        self.repeat(state);
        self.decide(state);
    }

    /// Proposes the most urgent change, if any and if none is outstanding.
    pub(crate) fn decide(&mut self, state: &mut State) {
        if !self.begun || !self.proposal.is_free(state.now.mono) {
            return;
        }
        let drop = self.drop_change(state);
        let change = drop.or_else(|| self.farewell_change(state)).or_else(|| self.promotion(state));
        if let Some(change) = change {
            self.proposal.propose(state, change);
            if self.proposal.abdicates() {
                self.refuse_waiting(state, Refusal::NotServing);
            }
        }
    }

    fn drop_change(&self, state: &State) -> Option<ConfigChange> {
        let goes = |f: &&Follower| match f.leaving {
            Some(Leaving::Unfit | Leaving::Moving(_)) => true,
            Some(Leaving::Released) => has_one_to_spare(state) || is_lost(state, f),
            None => is_lost(state, f),
        };
        let gone = self.followers.iter().find(goes)?;
        let moving = match gone.leaving {
            Some(Leaving::Moving(moving)) => Some(moving),
            Some(Leaving::Unfit | Leaving::Released) | None => None,
        };
        Some(ConfigChange::Drop { member: gone.member, moving })
    }

    /// A hand-over waits until what is in flight is committed, but not for ever; a sick primary does not wait.
    fn farewell_change(&mut self, state: &State) -> Option<ConfigChange> {
        let (sick, now) = (state.is_sick(), state.now.mono);
        if !self.serving || (self.farewell.is_none() && !sick) {
            return None;
        }
        let wish = self.farewell.unwrap_or(Farewell { to: Successor::Any, since: now, draining: None });
        let drained = state.committed == self.last();
        let successor = match wish.to {
            Successor::Named(to) => self.successor(state, Some(to)),
            Successor::Any => self.successor(state, None),
            Successor::Nobody(moving) => {
                return drained.then_some(ConfigChange::Drop { member: state.me, moving: Some(moving) });
            }
        };
        let since = wish.draining.unwrap_or(now);
        if let Some(farewell) = &mut self.farewell {
            farewell.draining = successor.map(|_| since);
        }
        if successor.is_none() && now.since(wish.since) >= state.options.prepare_timeout {
            self.farewell = None;
        }
        let ready = drained || sick || now.since(since) >= state.options.prepare_timeout / 3;
        successor.filter(|_| ready).map(|to| ConfigChange::HandOver { to })
    }

    /// Whether this tenure ends as soon as what is in flight is committed.
    pub(super) fn is_draining(&self) -> bool {
        self.farewell.is_some_and(|farewell| farewell.draining.is_some())
    }

    /// The member that is to lead: the one named, else the most advanced.
    fn successor(&self, state: &State, named: Option<Member>) -> Option<Member> {
        let (now, lease) = (state.now.mono, state.options.lease);
        let heard = |f: &&Follower| f.answered && f.leaving.is_none() && f.lease.holds(now, lease);
        let fit = |f: &&Follower| !f.learner && heard(f) && f.matched >= state.committed;
        let candidates = self.followers.iter().filter(fit).filter(|f| named.is_none_or(|to| to == f.member));
        // The lowest peer of the most advanced, so that a seed gives one answer.
        candidates.rev().max_by_key(|f| f.matched).map(|f| f.member)
    }

    /// A learner that has everything and has granted a lease already becomes a member.
    fn promotion(&self, state: &State) -> Option<ConfigChange> {
        let (now, lease) = (state.now.mono, state.options.lease);
        let ready = |f: &&Follower| {
            f.learner && f.answered && f.matched >= state.committed && f.leaving.is_none() && f.lease.holds(now, lease)
        };
        let learner = self.followers.iter().find(ready).filter(|_| self.serving)?;
        Some(ConfigChange::Promote { learner: learner.member })
    }

    /// The meta server refused for good: the old members are the members.
    pub(crate) fn proposal_refused(&mut self, state: &mut State, request: RequestId) {
        if self.proposal.refused(request, state.now.mono) {
            self.farewell = None;
            self.forgive_moves();
            self.try_commit(state);
        }
    }

    /// A leaver whose drop was refused asks again if it still wants to go.
    fn forgive_moves(&mut self) {
        for follower in &mut self.followers {
            follower.leaving = follower.leaving.filter(|leaving| *leaving == Leaving::Unfit);
        }
    }

    /// Somebody wants this primary to hand over: to one copy, or to any member. Who asks may know already that a learner has
    /// become a member, and this primary not yet.
    pub(crate) fn wish_hand_over(&mut self, state: &mut State, to: Option<Member>) {
        let known = |f: &Follower| to.map_or(!f.learner, |to| f.member == to);
        if self.followers.iter().any(known) {
            self.say_farewell(state, to.map_or(Successor::Any, Successor::Named));
        }
    }

    /// This copy's disk move: only the sole copy of a table of one replica leaves as primary, others hand over first.
    pub(crate) fn leave(&mut self, state: &mut State, moving: MovingRequest) {
        let sole = state.config.as_ref().is_some_and(|config| config.replica_count == 1);
        if sole && self.followers.iter().all(|f| f.learner) {
            self.say_farewell(state, Successor::Nobody(moving));
        }
    }

    /// Does not leave after all; a proposal that is on its way is answered all the same.
    pub(crate) fn stay(&mut self) {
        self.farewell = self.farewell.take().filter(|farewell| !matches!(farewell.to, Successor::Nobody(_)));
    }

    fn say_farewell(&mut self, state: &mut State, to: Successor) {
        if self.farewell.is_none() {
            let now = state.now.mono;
            let draining = matches!(to, Successor::Nobody(_)).then_some(now);
            self.farewell = Some(Farewell { to, since: now, draining });
            self.decide(state);
        }
    }

    /// A member wants to go: for a disk move, if enough members stay, or because it is not well.
    pub(crate) fn wish_drop(&mut self, state: &mut State, from: Member, moving: Option<MovingRequest>) {
        let enough = has_one_to_spare(state);
        let Some(follower) = self.followers.iter_mut().find(|f| f.member == from) else { return };
        match moving {
            Some(moving) if enough || follower.learner => follower.leaving = Some(Leaving::Moving(moving)),
            Some(_) => {}
            None => {
                follower.leaving.get_or_insert(Leaving::Unfit);
            }
        }
        self.decide(state);
    }

    /// A secondary is to go for good, once it can be spared; one that leaves for another reason does so.
    pub(crate) fn release(&mut self, state: &mut State, member: Member) {
        let Some(follower) = self.followers.iter_mut().find(|f| f.member == member && !f.learner) else { return };
        follower.leaving.get_or_insert(Leaving::Released);
        self.decide(state);
    }

    /// The clock jumped: no lease is held, and silence is counted anew.
    pub(crate) fn clock_jumped(&mut self, state: &State) {
        let now = state.now.mono;
        for follower in &mut self.followers {
            follower.lease.lose(now);
            follower.unanswered_since = follower.unanswered_since.map(|_| now);
        }
    }

    /// An append failed: the fate of everything with a decree is unknown here, and this copy abdicates (rule DECREES).
    pub(crate) fn append_failed(&mut self, state: &mut State) {
        self.give_up_decrees(state);
        self.refuse_waiting(state, Refusal::Unhealthy);
        self.decide(state);
    }

    /// The health changed.
    pub(crate) fn health_changed(&mut self, state: &mut State) {
        if !state.may_append() {
            self.refuse_waiting(state, Refusal::Unhealthy);
        }
        if !state.is_sick() {
            self.followers.iter_mut().for_each(|f| f.lease.forgive(state.now.mono));
        }
        self.try_commit(state);
        self.decide(state);
    }
}

/// Whether a member may leave although it is well (rule LAST COPY).
fn has_one_to_spare(state: &State) -> bool {
    state.config.as_ref().is_some_and(|config| config.member_count() > config.min_replicas())
}

/// Whether a copy was silent for too long: a member by its prepares or its lease, a learner by its lease alone. A sick
/// primary beacons nobody, so it cannot blame anybody for having granted nothing.
fn is_lost(state: &State, follower: &Follower) -> bool {
    let now = state.now.mono;
    let patience = if follower.learner { state.options.grace * LEARNER_GRACES } else { state.options.lease };
    let unanswered = |since| now >= since + state.options.prepare_timeout;
    let deaf = !follower.learner && follower.unanswered_since.is_some_and(unanswered);
    deaf || (!state.is_sick() && follower.lease.silent(now, patience))
}
