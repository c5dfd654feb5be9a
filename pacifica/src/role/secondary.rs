//! The secondary: a member that follows, and asks to be primary when its grace has run out (rule TAKE-OVER).

use common::types::{ConfigChange, Member, Message, MovingRequest, Time};

use super::follow::Following;
use crate::event::{AppendSeq, Health};
use crate::reconfiguration::Reconfiguration;
use crate::state::State;

/// A member that follows.
#[derive(Debug)]
pub(crate) struct Secondary {
    pub(crate) following: Following,
    /// Silence of the primary is counted from here.
    heard_at: Time,
    pub(crate) proposal: Reconfiguration,
    /// It leaves for a disk move and asks until a configuration without it arrives (rule MOVES).
    leaving: Option<MovingRequest>,
    asked_at: Option<Time>,
}

impl Secondary {
    /// Enters a ballot. Under another primary silence is counted anew: it needs time for its first beacon.
    pub(crate) fn new(state: &State, primary: Option<Member>, before: Option<&Self>) -> Self {
        let same = before.filter(|before| before.following.primary == primary);
        Self {
            following: Following::new(state, primary),
            heard_at: same.map_or(state.now.mono, |before| before.heard_at),
            proposal: Reconfiguration::default(),
            leaving: same.and_then(|before| before.leaving),
            asked_at: None,
        }
    }

    /// This node answered a beacon of `primary`.
    pub(crate) fn answered(&mut self, primary: common::types::PeerId, at: Time) {
        if self.following.primary.is_some_and(|p| p.peer == primary) {
            self.heard_at = self.heard_at.max(at);
        }
    }

    /// The clock jumped: the primary gets its time to be heard again.
    pub(crate) fn clock_jumped(&mut self, state: &State) {
        self.heard_at = state.now.mono;
    }

    /// Asks the primary to be dropped for a disk move.
    pub(crate) fn leave(&mut self, state: &mut State, moving: MovingRequest) {
        self.leaving = Some(moving);
        self.asked_at = None;
        self.tick(state);
    }

    /// Wants to be dropped no more.
    pub(crate) const fn stay(&mut self) {
        self.leaving = None;
    }

    /// Passes on that somebody wants the primary to hand over.
    pub(crate) fn ask_hand_over(&self, state: &mut State, to: Member) {
        if let Some(primary) = self.following.primary {
            state.send(primary, Message::AskHandOver { to }, AppendSeq(0));
        }
    }

    /// Time passed.
    pub(crate) fn tick(&mut self, state: &mut State) {
        self.ask_to_be_dropped(state);
        self.ask_to_lead(state);
    }

    fn ask_to_be_dropped(&mut self, state: &mut State) {
        let due = self.asked_at.is_none_or(|at| state.now.mono >= at + state.options.resend);
        let wants = self.leaving.is_some() || state.is_sick();
        if let (Some(primary), true, true) = (self.following.primary, wants, due) {
            self.asked_at = Some(state.now.mono);
            state.send(primary, Message::AskDrop { moving: self.leaving }, AppendSeq(0));
        }
    }

    fn ask_to_lead(&mut self, state: &mut State) {
        let now = state.now.mono;
        let silent = self.following.primary.is_some() && now > self.heard_at + state.grace();
        // One that wants to leave is fit too: without a primary nobody could let it go.
        let fit = state.health == Health::Well && !state.append_failed;
        if silent && fit && self.proposal.is_free(now) {
            self.proposal.propose(state, ConfigChange::TakeOver { by: state.me });
        }
    }
}
