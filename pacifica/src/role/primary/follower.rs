//! One other copy as the primary sees it: what it has, what was sent to it, its lease, and why it should go.

use common::types::{Ballot, Decree, Member, MovingRequest, PrepareAck, Time};

use crate::lease::Lease;

/// Why a copy is to be dropped whatever else it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaving {
    /// It has no role (restarted), no space, or no health.
    Unfit,
    /// It asked, for a disk move.
    Moving(MovingRequest),
    /// Another copy took its place: it goes if enough members are left.
    Released,
}

/// One other copy.
#[derive(Debug)]
pub(crate) struct Follower {
    pub(crate) member: Member,
    pub(crate) learner: bool,
    /// The first ballot of this tenure that named this copy: an older grant was another copy's.
    pub(crate) since: Ballot,
    pub(crate) lease: Lease,
    /// Whether it has acknowledged anything in this ballot.
    pub(crate) answered: bool,
    /// What it acknowledged in this ballot.
    pub(crate) matched: Decree,
    /// The last decree sent to it in this ballot.
    pub(crate) sent: Decree,
    pub(crate) sent_at: Time,
    /// Since when something is unanswered.
    pub(crate) unanswered_since: Option<Time>,
    /// The committed decree it was told last.
    pub(crate) told: Decree,
    pub(crate) leaving: Option<Leaving>,
}

impl Follower {
    pub(crate) const fn new(member: Member, learner: bool, ballot: Ballot, now: Time) -> Self {
        Self {
            member,
            learner,
            since: ballot,
            lease: Lease::new(now),
            answered: false,
            matched: Decree(0),
            sent: Decree(0),
            sent_at: now,
            unanswered_since: None,
            told: Decree(0),
            leaving: None,
        }
    }

    /// The same copy in the next ballot of one tenure: leases go on, acknowledgements begin anew.
    pub(crate) const fn carried(&self, learner: bool, now: Time) -> Self {
        let fresh = Self::new(self.member, learner, self.since, now);
        Self { lease: self.lease, leaving: self.leaving, ..fresh }
    }

    /// Something was sent up to `last`.
    pub(crate) fn sent(&mut self, last: Decree, committed: Decree, now: Time) {
        self.sent = self.sent.max(last);
        self.sent_at = now;
        self.told = committed;
        if !self.is_done() {
            self.unanswered_since.get_or_insert(now);
        }
    }

    /// Whether it has answered all that was sent.
    pub(crate) fn is_done(&self) -> bool {
        self.answered && self.matched >= self.sent
    }

    /// An acknowledgement; nothing past `last` was ever sent.
    pub(crate) fn acknowledged(&mut self, ack: PrepareAck, last: Decree, now: Time) {
        let matched = ack.matched.min(last);
        let progress = !self.answered || matched > self.matched;
        self.answered = true;
        self.matched = self.matched.max(matched);
        if self.is_done() {
            self.unanswered_since = None;
        } else if progress {
            self.unanswered_since = Some(now);
        }
    }
}
