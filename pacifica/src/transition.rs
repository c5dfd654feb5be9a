//! How a configuration changes the role: the only way a role begins or ends (rules INCARNATION, ROLES).

use std::sync::Arc;

use common::types::{Ballot, Member, PartitionConfig};

use crate::effect::Effect;
use crate::replica::Replica;
use crate::role::{Inactive, Learner, Primary, Role, Secondary};
use crate::state::State;

/// What a configuration wants of this copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Assignment {
    Primary,
    Secondary,
    Learner,
    Nothing,
}

fn assignment(config: &PartitionConfig, me: Member) -> Assignment {
    if config.primary == Some(me) {
        Assignment::Primary
    } else if config.secondaries.contains(&me) {
        Assignment::Secondary
    } else if config.learners.contains(&me) {
        Assignment::Learner
    } else {
        Assignment::Nothing
    }
}

impl Replica {
    /// Follows a configuration if it is newer than what is known.
    pub(crate) fn follow(&mut self, config: &Arc<PartitionConfig>) {
        let known = self.state.config.as_ref().map(|known| known.ballot);
        let older = config.ballot < self.state.ballot || known.is_some_and(|known| config.ballot <= known);
        if older || config.gpid != self.state.gpid {
            return;
        }
        let assignment = self.permitted(config);
        let follows = config.ballot == self.state.ballot.next();
        let old = self.state.config.replace(config.clone());
        let before = std::mem::replace(&mut self.role, Role::Inactive(Inactive));
        let before = self.leave(before, assignment, config.ballot);
        self.adopt_ballot(config.ballot);
        self.role = self.enter(before, assignment, config, follows);
        self.state.emit(Effect::RoleChanged { status: self.role.status(), ballot: config.ballot });
        if let Role::Primary(primary) = &mut self.role {
            primary.entered(&mut self.state, old.as_deref());
        }
    }

    /// A process start ends every role: none is taken at a ballot under which this copy may have spoken, a member that
    /// was restarted is none until it has learned again, and it leads only if the meta server appointed it since (rule
    /// ROLES): who hands over to it, or asked for it before, does not know what it lost. At ballot 0 nothing was ever
    /// acknowledged.
    fn permitted(&self, config: &PartitionConfig) -> Assignment {
        let state = &self.state;
        let resumes = state.faults.ballot_resumed_after_restart;
        let above = config.ballot > state.ballot || state.fresh || config.ballot == Ballot(0) || resumes;
        let live = !matches!(self.role, Role::Inactive(_)) || resumes;
        let appointed = state.fresh || config.appointed.is_some_and(|at| at > state.ballot);
        let wanted = assignment(config, state.me);
        let allowed = match wanted {
            Assignment::Primary => above && (live || appointed),
            Assignment::Secondary => above && live,
            Assignment::Learner | Assignment::Nothing => above,
        };
        if allowed { wanted } else { Assignment::Nothing }
    }

    /// Ends the old role, unless it is one that goes on.
    fn leave(&mut self, before: Role, next: Assignment, ballot: Ballot) -> Role {
        let state = &mut self.state;
        match before {
            Role::Primary(mut primary) => {
                // A hand-over that was proposed may have happened and been undone since: that is a new tenure.
                let one_tenure = next == Assignment::Primary && primary.goes_on(ballot, state.ballot);
                if !one_tenure {
                    primary.step_down(state);
                    return Role::Inactive(Inactive);
                }
                Role::Primary(primary)
            }
            Role::Learner(mut learner) => {
                if next != Assignment::Learner {
                    learner.stop(state);
                }
                Role::Learner(learner)
            }
            before @ (Role::Secondary(_) | Role::Inactive(_)) => before,
        }
    }

    fn adopt_ballot(&mut self, ballot: Ballot) {
        let state = &mut self.state;
        state.fresh &= ballot == state.ballot;
        state.ballot = ballot;
        if ballot > state.persisted {
            state.emit(Effect::PersistBallot { ballot });
        }
    }

    fn enter(&mut self, before: Role, assignment: Assignment, config: &PartitionConfig, follows: bool) -> Role {
        let state = &mut self.state;
        let leader = config.primary;
        match (assignment, before) {
            (Assignment::Primary, Role::Primary(before)) => Role::Primary(Primary::new(state, config, Some(before))),
            (Assignment::Primary, _) => Role::Primary(Primary::new(state, config, None)),
            (Assignment::Secondary, Role::Secondary(before)) => {
                Role::Secondary(Secondary::new(state, leader, Some(&before)))
            }
            (Assignment::Secondary, _) => Role::Secondary(Secondary::new(state, leader, None)),
            (Assignment::Learner, Role::Learner(before)) => {
                Role::Learner(Learner::new(state, leader, Some(before), follows))
            }
            (Assignment::Learner, _) => Role::Learner(Learner::new(state, leader, None, follows)),
            (Assignment::Nothing, _) => Role::Inactive(Inactive),
        }
    }
}

impl State {
    /// `.replica-info` with this ballot is durable.
    pub(crate) fn ballot_persisted(&mut self, ballot: Ballot) {
        self.persisted = self.persisted.max(ballot.min(self.ballot));
    }
}
