//! A replica with data and no role: it was restarted, dropped, or never named (rule ROLES).

use common::types::{Ballot, Member, Message, RefuseReason};

use crate::event::AppendSeq;
use crate::state::State;

/// No role.
#[derive(Debug)]
pub(crate) struct Inactive;

impl Inactive {
    /// Says that it takes part in nothing. A primary that hears this under its own ballot knows that the copy was
    /// restarted, and drops it.
    pub(crate) fn refuse_prepare(state: &mut State, from: Member) {
        let known = state.config.as_ref().map_or(Ballot(0), |config| config.ballot);
        let refusal = Message::PrepareRefused { ballot: known.max(state.ballot), reason: RefuseReason::NoRole };
        state.send(from, refusal, AppendSeq(0));
    }
}
