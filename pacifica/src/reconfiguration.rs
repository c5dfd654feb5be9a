//! The outstanding proposal and the union of members that it makes (rule UNION). The runtime repeats the question
//! until its outcome is known; here it is only remembered that there is one.

use std::time::Duration;

use common::types::{Ballot, ConfigChange, Member, Time};

use crate::effect::Effect;
use crate::event::RequestId;
use crate::state::State;

/// After a refusal the next proposal waits so long.
const PAUSE: Duration = Duration::from_millis(500);

/// At most one proposal of this replica, and the pause after a refused one.
#[derive(Debug, Default)]
pub(crate) struct Reconfiguration {
    outstanding: Option<(RequestId, ConfigChange)>,
    /// The outstanding change makes another copy primary, or none.
    abdicates: bool,
    not_before: Time,
}

impl Reconfiguration {
    /// Whether a change may be proposed now.
    pub(crate) fn is_free(&self, now: Time) -> bool {
        self.outstanding.is_none() && now >= self.not_before
    }

    /// Proposes; from here on the union counts.
    pub(crate) fn propose(&mut self, state: &mut State, change: ConfigChange) {
        assert!(self.outstanding.is_none(), "a second proposal while the first is outstanding");
        let request = state.next_request();
        self.abdicates = match change {
            ConfigChange::HandOver { .. } => true,
            ConfigChange::Drop { member, .. } => member == state.me,
            ConfigChange::AddLearner { .. }
            | ConfigChange::Promote { .. }
            | ConfigChange::TakeOver { .. }
            | ConfigChange::Appoint { .. }
            | ConfigChange::Rejoin { .. }
            | ConfigChange::EndMove { .. } => false,
        };
        self.outstanding = Some((request, change.clone()));
        let expected: Ballot = state.ballot;
        state.emit(Effect::Propose { request, expected, change });
    }

    /// The change was refused for good. Whether it was the outstanding one.
    pub(crate) fn refused(&mut self, request: RequestId, now: Time) -> bool {
        let ours = self.outstanding.as_ref().is_some_and(|(id, _)| *id == request);
        if ours {
            self.outstanding = None;
            self.abdicates = false;
            self.not_before = now + PAUSE;
        }
        ours
    }

    /// The learner that may be a member already.
    pub(crate) fn promoting(&self) -> Option<Member> {
        match self.outstanding {
            Some((_, ConfigChange::Promote { learner })) => Some(learner),
            Some(_) | None => None,
        }
    }

    /// The member that may be none any more.
    pub(crate) fn dropping(&self) -> Option<Member> {
        match self.outstanding {
            Some((_, ConfigChange::Drop { member, .. })) => Some(member),
            Some(_) | None => None,
        }
    }

    /// Whether another copy may be the primary already: this one neither reads nor commits.
    pub(crate) const fn abdicates(&self) -> bool {
        self.abdicates
    }
}
