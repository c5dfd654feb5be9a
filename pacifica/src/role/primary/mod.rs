//! The primary: gives decrees, prepares on every member, commits what all have durably, serves.
//!
//! ```text
//!  enter ──ballot durable──► begun (tail re-prepared, opened by a no-op if the tenure is new)
//!        ──no-op committed by all, grace of the old primary over──► serving
//!        ──hand-over proposed──► neither reads nor commits ──outcome known──► secondary, or serving again
//! ```

mod decide;
mod follower;
mod replicate;
mod serve;

use std::collections::BTreeSet;
use std::sync::Arc;

use common::types::{Ballot, Body, Decree, Member, MovingRequest, Mutation, PartitionConfig, PeerId, Time};

use crate::batch::BatchQueue;
use crate::durability::Watermark;
use crate::effect::{Answer, Effect, Refusal};
use crate::event::Token;
use crate::reconfiguration::Reconfiguration;
use crate::state::State;

use follower::Follower;

/// The copy that gives decrees.
#[derive(Debug)]
pub(crate) struct Primary {
    /// Committed decree when this ballot began.
    base: Decree,
    /// The ballot is durable and the tail re-prepared.
    begun: bool,
    /// The decree that must commit before the first write or read; known once begun (rule OPENING).
    opening: Option<Decree>,
    serving: bool,
    /// Until then the old primary may hold leases (rule TAKE-OVER).
    wait_until: Option<Time>,
    /// The decree of the next mutation.
    next: Decree,
    /// What is durable of the primary's own copy.
    own: Watermark,
    followers: Vec<Follower>,
    batch: BatchQueue,
    /// Reads of what is in flight (rule REPLIES).
    barriers: BTreeSet<(Decree, Token)>,
    proposal: Reconfiguration,
    farewell: Option<Farewell>,
    committed_at: Time,
}

/// A wish to stop being primary. Nothing changes until its successor could take over at once; from then on new writes are
/// refused while those in flight drain.
#[derive(Clone, Copy, Debug)]
struct Farewell {
    to: Successor,
    since: Time,
    draining: Option<Time>,
}

/// What comes after this primary.
#[derive(Clone, Copy, Debug)]
enum Successor {
    /// This member.
    Named(Member),
    /// The most advanced member.
    Any,
    /// Nobody: the only copy of a table of one replica moves to another disk (rule MOVES).
    Nobody(MovingRequest),
}

impl Primary {
    /// Enters a ballot as its primary. `before` is the same primary one ballot earlier: then this is one tenure.
    pub(crate) fn new(state: &State, config: &PartitionConfig, before: Option<Box<Self>>) -> Box<Self> {
        let now = state.now.mono;
        let followers = followers(state, config, before.as_deref());
        let mut primary = before.unwrap_or_else(|| Box::new(Self::first(state, config)));
        primary.followers = followers;
        primary.begun = false;
        primary.own = Watermark::default();
        primary.proposal = Reconfiguration::default();
        primary.base = state.committed;
        primary.committed_at = now;
        primary
    }

    fn first(state: &State, config: &PartitionConfig) -> Self {
        // Nobody was primary before ballot 1, and a primary that consented reads no more.
        let waits = !config.consented && config.ballot > Ballot(1) && !state.faults.take_over_without_wait;
        Self {
            base: state.committed,
            begun: false,
            opening: None,
            serving: false,
            wait_until: waits.then(|| state.last_answer + state.grace()),
            next: state.committed.next(),
            own: Watermark::default(),
            followers: Vec::new(),
            batch: BatchQueue::default(),
            barriers: BTreeSet::new(),
            proposal: Reconfiguration::default(),
            farewell: None,
            committed_at: state.now.mono,
        }
    }

    /// Tells every copy of the configuration, and begins if the ballot is durable already.
    pub(crate) fn entered(&mut self, state: &mut State, old: Option<&PartitionConfig>) {
        for follower in &self.followers {
            state.send_config(follower.member);
        }
        self.tell_dropped(state, old);
        self.begin(state);
    }

    fn tell_dropped(&self, state: &mut State, old: Option<&PartitionConfig>) {
        let gone = |member: &Member| *member != state.me && !self.followers.iter().any(|f| f.member == *member);
        let gone: Vec<Member> = old.into_iter().flat_map(PartitionConfig::copies).filter(gone).collect();
        for member in gone {
            state.send_config(member);
        }
    }

    /// Re-prepares the uncommitted tail under this ballot; a new tenure opens with a marker after it (rule OPENING).
    pub(crate) fn begin(&mut self, state: &mut State) {
        if self.begun || !state.may_speak() {
            return;
        }
        self.begun = true;
        self.reprepare(state);
        if self.opening.is_none() {
            self.open(state);
        }
        let last = self.next.prev();
        self.own.note(state.durability.issued(), last);
        self.send_all(state);
        self.try_commit(state);
    }

    fn reprepare(&mut self, state: &mut State) {
        let end = state.prepared();
        let tail: Vec<Arc<Mutation>> = state.list.run(state.committed.next()).cloned().collect();
        for old in tail {
            let mutation = Mutation { ballot: state.ballot, ..Mutation::clone(&old) };
            state.prepare_again(Arc::new(mutation));
        }
        state.void(end, state.ballot);
        self.next = end.next();
    }

    fn open(&mut self, state: &mut State) {
        let after = self.next.prev();
        self.opening = Some(after);
        if state.faults.no_opening_marker {
            return;
        }
        let (decree, time_ms) = (self.next, state.next_time_ms());
        let marker =
            Mutation { ballot: state.ballot, decree, time_ms, body: Body::Opening { after, by: state.ballot } };
        state.prepare(Arc::new(marker), Vec::new());
        self.opening = Some(decree);
        self.next = decree.next();
    }

    /// The role ends: what got a decree has an unknown outcome, what did not is refused (rule RETRY).
    pub(crate) fn step_down(&mut self, state: &mut State) {
        self.give_up_decrees(state);
        self.refuse_waiting(state, Refusal::NotPrimary);
    }

    /// Writes with a decree end with an unknown outcome.
    fn give_up_decrees(&mut self, state: &mut State) {
        let mut decree = state.committed.next();
        while decree < self.next {
            for token in state.list.take_tokens(decree) {
                state.answer(token, Answer::OutcomeUnknown);
            }
            decree = decree.next();
        }
    }

    /// Everything without a decree is refused, and with it whatever the overlay saw of it.
    fn refuse_waiting(&mut self, state: &mut State, why: Refusal) {
        let ghosts = self.batch.len() > 0;
        for token in self.batch.drain() {
            state.refuse(token, why);
        }
        for (_, token) in std::mem::take(&mut self.barriers) {
            state.refuse(token, why);
        }
        if ghosts {
            state.emit(Effect::Truncated { after: self.next.prev() });
        }
    }

    /// Client operations that wait here, for the invariant that each is answered once.
    pub(crate) fn waiting_tokens(&self) -> usize {
        self.batch.len() + self.barriers.len()
    }

    /// The decree that a write accepted now will get.
    pub(crate) fn next_decree(&self, state: &State) -> Decree {
        Decree(self.next.0 + self.batch.ahead(&state.options))
    }

    /// The nodes from which this primary wants leases.
    pub(crate) fn roster(&self, state: &State) -> Vec<(PeerId, Ballot)> {
        if state.is_sick() {
            return Vec::new();
        }
        self.followers.iter().map(|f| (f.member.peer, state.ballot)).collect()
    }

    /// Whether a copy has answered in this ballot, so it knows it, and has not granted a lease: as when a beacon came to a
    /// new learner before its configuration did.
    pub(crate) fn lacks_lease(&self, state: &State) -> bool {
        let (now, lease) = (state.now.mono, state.options.lease);
        !state.is_sick() && self.followers.iter().any(|f| f.answered && !f.lease.holds(now, lease))
    }

    /// Whether a copy counts: a member, or one that may be by now (rule UNION).
    fn counts(&self, state: &State, follower: &Follower) -> bool {
        let promoting = self.proposal.promoting() == Some(follower.member);
        let dropping = self.proposal.dropping() == Some(follower.member);
        if state.faults.no_union { !follower.learner && !dropping } else { !follower.learner || promoting }
    }

    /// Whether the next configuration that names this copy as primary continues its tenure.
    pub(crate) fn goes_on(&self, ballot: Ballot, from: Ballot) -> bool {
        !self.proposal.abdicates() || ballot == from.next()
    }

    /// Whether it serves: opened, past its wait, not handing over.
    pub(crate) const fn is_serving(&self) -> bool {
        self.serving && !self.suspended()
    }

    /// Whether it may be that another primary leads, so that nothing is to be promised.
    const fn suspended(&self) -> bool {
        !self.begun || self.proposal.abdicates()
    }

    /// Last decree given.
    const fn last(&self) -> Decree {
        self.next.prev()
    }
}

fn followers(state: &State, config: &PartitionConfig, before: Option<&Primary>) -> Vec<Follower> {
    let now = state.now.mono;
    let make = |member: Member, learner: bool| {
        let old = before.and_then(|p| p.followers.iter().find(|f| f.member == member));
        old.map_or_else(|| Follower::new(member, learner, config.ballot, now), |old| old.carried(learner, now))
    };
    let members = config.members().filter(|m| *m != state.me).map(|m| make(m, false));
    let mut all: Vec<Follower> = members.chain(config.learners.iter().map(|m| make(*m, true))).collect();
    all.sort_by_key(|follower| follower.member);
    all
}
