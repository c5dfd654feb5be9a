//! One copy of a partition: events in, effects out.
//!
//! ```text
//!                 named at a ballot above the durable one
//!   ┌──────────┐ ─────────────────────────────────────────► ┌─────────┐ AppendFailed, Sick: abdicates
//!   │ inactive │                                            │ primary │
//!   └──────────┘ ◄──── not named any more (any role) ────── └─────────┘
//!      │    ▲                                                 │     ▲
//!      │    └────────────────┐                     hand-over  │     │ take-over, hand-over, appointed
//!      ▼ named as learner    │                                ▼     │
//!   ┌─────────┐  nothing is missing: promoted by the primary ┌───────────┐
//!   │ learner │ ───────────────────────────────────────────► │ secondary │
//!   └─────────┘                                              └───────────┘
//! ```
//!
//! Legal transitions, each by a configuration of a higher ballot and by nothing else: inactive -> learner, primary;
//! learner -> secondary, primary (only at ballot 1), inactive; secondary -> primary, inactive; primary -> secondary,
//! inactive; and each role to itself in the next ballot. (One exception: a learner may resign, see `role/learner.rs`.)
//! Never inactive -> secondary: a restarted member learns first.

use std::sync::Arc;

use common::types::{
    Ballot, Body, Decree, Envelope, Gpid, Member, Message, MovingRequest, Mutation, Now, PartitionConfig, Prepare,
    PrepareAck, RefuseReason, Time,
};

use crate::effect::{Effect, Refusal};
use crate::event::{AppendSeq, Event, Health, RequestId};
use crate::faults::Faults;
use crate::invariants::Risen;
use crate::options::Options;
use crate::role::{Inactive, Role};
use crate::state::State;

/// What a copy knows of itself when its process starts, or when it is made.
#[derive(Clone, Debug, Default)]
pub struct Boot {
    /// The ballot in `.replica-info`.
    pub ballot: Ballot,
    /// The copy was made, or took its incarnation, in this process: it has never spoken under `ballot`. `false` after
    /// a restart (rule ROLES).
    pub fresh: bool,
    /// Applied to the storage.
    pub applied: Decree,
    /// Ballot of the last applied mutation.
    pub applied_ballot: Ballot,
    /// Known to be committed, from the log's frames; what lies between is applied with the first step.
    pub committed: Decree,
    /// The greatest mutation time in the storage, Unix ms.
    pub time_ms: u64,
    /// Records of the log past `applied`, gap-free, durable.
    pub tail: Vec<Arc<Mutation>>,
    /// Now, by the node's monotonic clock: counts as an answer to any earlier primary (rule TAKE-OVER).
    pub started_at: Time,
}

/// One copy of a partition.
#[derive(Debug)]
pub struct Replica {
    pub(crate) state: State,
    pub(crate) role: Role,
    pub(crate) risen: Risen,
}

impl Replica {
    /// A copy without a role. `faults` are all off outside tests.
    #[must_use]
    pub fn new(options: Arc<Options>, me: Member, gpid: Gpid, boot: Boot, faults: Faults) -> Self {
        let state = State::new(options, me, gpid, boot, faults);
        Self { state, role: Role::Inactive(Inactive), risen: Risen::default() }
    }

    /// Takes one event in; effects are added to `out`, to be performed in order. Does not panic on what others send,
    /// only if this replica's own invariants are broken.
    pub fn step(&mut self, now: Now, event: Event, out: &mut Vec<Effect>) {
        let mono = now.mono.max(self.state.now.mono);
        self.state.now = Now { mono, wall_ms: now.wall_ms };
        std::mem::swap(&mut self.state.out, out);
        self.state.commit_recovered();
        self.dispatch(event);
        std::mem::swap(&mut self.state.out, out);
        self.assert_invariants();
    }

    /// Keeps at most so many bytes of committed mutations for others, and never more than [`Options::cache_bytes`]. What is
    /// forgotten has to be read from the log.
    pub fn limit_cache(&mut self, bytes: usize) {
        self.state.limit_cache(bytes);
    }

    fn dispatch(&mut self, event: Event) {
        match event {
            Event::Config(config) => self.follow(&config),
            Event::ChangeAnswered { request, config } => self.change_answered(request, config.as_ref()),
            Event::Write { .. } | Event::ReadBarrier { .. } => self.on_client(event),
            Event::Gathered => {
                if let Role::Primary(primary) = &mut self.role {
                    primary.pump(&mut self.state);
                }
            }
            Event::Message(envelope) => self.on_envelope(*envelope),
            Event::Appended { seq } => self.on_appended(seq),
            Event::AppendFailed => self.on_append_failed(),
            Event::BallotPersisted { ballot } => self.on_ballot_persisted(ballot),
            Event::LeaseGranted { by, ballot, sent_at } => {
                if let Role::Primary(primary) = &mut self.role {
                    primary.lease_granted(&mut self.state, by, ballot, sent_at);
                }
            }
            Event::BeaconAnswered { primary, at } => {
                self.state.last_answer = self.state.last_answer.max(at);
                if let Role::Secondary(secondary) = &mut self.role {
                    secondary.answered(primary, at);
                }
            }
            Event::Learned { .. } | Event::CheckpointInstalled { .. } | Event::LearnEnded { .. } => {
                self.on_learn(event)
            }
            Event::Health(health) => self.on_health(health),
            Event::Leave(moving) => self.on_leave(moving),
            Event::Stay => self.on_stay(),
            Event::Release { member } => self.on_release(member),
            Event::HandOver { to } => self.on_hand_over(to),
            Event::Tick => self.on_tick(),
            Event::ClockJumped => self.on_clock_jumped(),
        }
    }

    fn on_client(&mut self, event: Event) {
        let state = &mut self.state;
        let (Event::Write { token, .. } | Event::ReadBarrier { token, .. }) = event else { return };
        state.open_tokens += 1;
        match (&mut self.role, event) {
            (Role::Primary(primary), Event::Write { writes, .. }) => primary.write(state, token, writes),
            (Role::Primary(primary), Event::ReadBarrier { seen, .. }) => primary.barrier(state, token, seen),
            _ => state.refuse(token, Refusal::NotPrimary),
        }
    }

    fn change_answered(&mut self, request: RequestId, config: Option<&Arc<PartitionConfig>>) {
        if let Some(config) = config {
            return self.follow(config);
        }
        match &mut self.role {
            Role::Primary(primary) => primary.proposal_refused(&mut self.state, request),
            Role::Secondary(secondary) => {
                secondary.proposal.refused(request, self.state.now.mono);
            }
            Role::Learner(_) | Role::Inactive(_) => {}
        }
    }

    fn on_appended(&mut self, seq: AppendSeq) {
        self.state.durability.settle(seq);
        match &mut self.role {
            Role::Primary(primary) => primary.appended(&mut self.state),
            Role::Secondary(secondary) => secondary.following.settle(&mut self.state),
            Role::Learner(learner) => learner.following.settle(&mut self.state),
            Role::Inactive(_) => {}
        }
    }

    fn on_append_failed(&mut self) {
        self.state.append_failed = true;
        if let Role::Primary(primary) = &mut self.role {
            primary.append_failed(&mut self.state);
        }
    }

    fn on_ballot_persisted(&mut self, ballot: Ballot) {
        self.state.ballot_persisted(ballot);
        match &mut self.role {
            Role::Primary(primary) => primary.begin(&mut self.state),
            Role::Secondary(secondary) => secondary.following.acknowledge(&mut self.state),
            Role::Learner(learner) => learner.following.acknowledge(&mut self.state),
            Role::Inactive(_) => {}
        }
    }

    fn on_learn(&mut self, event: Event) {
        let Role::Learner(learner) = &mut self.role else { return };
        let state = &mut self.state;
        if let Event::Learned { ballot, mutations } = event {
            learner.learned(state, ballot, mutations);
        } else if let Event::CheckpointInstalled { ballot, decree, time_ms } = event {
            if !learner.installed(state, ballot, decree, time_ms) {
                self.resign();
            }
        } else if let Event::LearnEnded { ballot } = event {
            learner.ended(state, ballot);
        }
    }

    /// Without a role at this ballot: the primary hears it at its next prepare, and drops this copy.
    fn resign(&mut self) {
        self.role = Role::Inactive(Inactive);
        self.state.emit(Effect::RoleChanged { status: self.role.status(), ballot: self.state.ballot });
    }

    fn on_health(&mut self, health: Health) {
        self.state.health = health;
        if let Role::Primary(primary) = &mut self.role {
            primary.health_changed(&mut self.state);
        }
    }

    fn on_hand_over(&mut self, to: Option<Member>) {
        match (&mut self.role, to) {
            (Role::Primary(primary), to) => primary.wish_hand_over(&mut self.state, to),
            (Role::Secondary(secondary), Some(to)) => secondary.ask_hand_over(&mut self.state, to),
            _ => {}
        }
    }

    fn on_leave(&mut self, moving: MovingRequest) {
        match &mut self.role {
            Role::Primary(primary) => primary.leave(&mut self.state, moving),
            Role::Secondary(secondary) => secondary.leave(&mut self.state, moving),
            Role::Learner(_) | Role::Inactive(_) => {}
        }
    }

    fn on_stay(&mut self) {
        match &mut self.role {
            Role::Primary(primary) => primary.stay(),
            Role::Secondary(secondary) => secondary.stay(),
            Role::Learner(_) | Role::Inactive(_) => {}
        }
    }

    fn on_release(&mut self, member: Member) {
        if let Role::Primary(primary) = &mut self.role {
            primary.release(&mut self.state, member);
        }
    }

    fn on_tick(&mut self) {
        match &mut self.role {
            Role::Primary(primary) => primary.tick(&mut self.state),
            Role::Secondary(secondary) => secondary.tick(&mut self.state),
            Role::Learner(learner) => learner.tick(&mut self.state),
            Role::Inactive(_) => {}
        }
    }

    fn on_clock_jumped(&mut self) {
        match &mut self.role {
            Role::Primary(primary) => primary.clock_jumped(&self.state),
            Role::Secondary(secondary) => secondary.clock_jumped(&self.state),
            Role::Learner(_) | Role::Inactive(_) => {}
        }
    }

    /// Messages to another copy than this are dropped (rule INCARNATION).
    fn on_envelope(&mut self, envelope: Envelope) {
        let Envelope { gpid, from, to, message } = envelope;
        if gpid != self.state.gpid || to != self.state.me {
            return;
        }
        match message {
            Message::Prepare(prepare) => self.on_prepare(from, prepare),
            Message::PrepareAck(ack) => self.on_ack(from, ack),
            Message::PrepareRefused { ballot, reason } => self.on_refused(from, ballot, reason),
            Message::Config(config) => self.follow(&config),
            Message::AskDrop { moving } => {
                if let Role::Primary(primary) = &mut self.role {
                    primary.wish_drop(&mut self.state, from, moving);
                }
            }
            Message::AskHandOver { to } => {
                if let Role::Primary(primary) = &mut self.role {
                    primary.wish_hand_over(&mut self.state, Some(to));
                }
            }
        }
    }

    fn on_ack(&mut self, from: Member, ack: PrepareAck) {
        if let Role::Primary(primary) = &mut self.role {
            primary.acknowledged(&mut self.state, from, ack);
        }
    }

    fn on_refused(&mut self, from: Member, ballot: Ballot, reason: RefuseReason) {
        if let Role::Primary(primary) = &mut self.role {
            primary.refused(&mut self.state, from, ballot, reason);
        }
    }

    /// Every replica rejects a prepare with an older ballot: that fences an old primary's writes.
    fn on_prepare(&mut self, from: Member, prepare: Prepare) {
        if prepare.ballot < self.state.ballot {
            return if self.state.faults.no_ballot_check {
                self.state.take_unchecked(from, prepare);
            } else {
                self.refuse_stale(from);
            };
        }
        let state = &mut self.state;
        let usable = prepare.ballot == state.ballot;
        match &mut self.role {
            Role::Secondary(secondary) if usable && secondary.following.primary == Some(from) => {
                secondary.following.prepare(state, prepare, usize::MAX);
            }
            Role::Learner(learner) if usable && learner.following.primary == Some(from) => {
                learner.prepare(state, prepare);
            }
            Role::Primary(_) if usable => {}
            Role::Inactive(_) | Role::Secondary(_) | Role::Learner(_) | Role::Primary(_) => {
                Inactive::refuse_prepare(state, from);
            }
        }
    }

    fn refuse_stale(&mut self, from: Member) {
        let refusal = Message::PrepareRefused { ballot: self.state.ballot, reason: RefuseReason::StaleBallot };
        self.state.send(from, refusal, AppendSeq(0));
        self.state.send_config(from);
    }
}

impl State {
    /// The planted fault `no_ballot_check`: what an old primary sends is taken and acknowledged.
    fn take_unchecked(&mut self, from: Member, prepare: Prepare) {
        let ballot = prepare.ballot;
        let mut matched = self.committed;
        for mutation in prepare.mutations {
            matched = matched.max(mutation.decree);
            let held = mutation.decree <= self.committed || self.list.get(mutation.decree).is_some();
            if !held && self.list.reaches(mutation.decree) && !matches!(mutation.body, Body::Opening { .. }) {
                self.prepare(mutation, Vec::new());
            }
        }
        let ack = PrepareAck { ballot, matched, committed: self.committed };
        let after = self.durability.durable();
        self.send(from, Message::PrepareAck(ack), after);
    }
}
