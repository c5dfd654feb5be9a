//! The effects of a turn, performed in order: appends and sends are queued, applies are batched, clients are answered.

use std::sync::Arc;

use common::rpc::data::DataError;
use common::rpc::{ErrorCode, WireError};
use common::types::{Ballot, Mutation, ReplicaStatus};
use pacifica::{Answer, AppendSeq, Effect, Event, Refusal, RequestId, Token};

use super::handle::Input;
use super::ports::Decided;
use super::task::Task;
use crate::learn::LearnOrder;

/// Mutations that are applied together, and the clients that wait for them.
#[derive(Default)]
struct Commits {
    mutations: Vec<Arc<Mutation>>,
    tokens: Vec<Token>,
}

impl Commits {
    fn add(&mut self, mutation: Arc<Mutation>, tokens: Vec<Token>) {
        self.mutations.push(mutation);
        if self.tokens.is_empty() { self.tokens = tokens } else { self.tokens.extend(tokens) }
    }
}

impl Task {
    /// Performs what the steps of this turn asked for. Persisting a ballot and a stalled apply wait for the blocking
    /// pool; nothing else does.
    pub(super) async fn perform(&mut self) {
        while !self.effects.is_empty() {
            let mut effects = std::mem::take(&mut self.effects);
            let mut commits = Commits::default();
            for effect in effects.drain(..) {
                if let Effect::Apply { mutation, tokens } = effect {
                    commits.add(mutation, tokens);
                } else {
                    self.apply(std::mem::take(&mut commits)).await;
                    self.perform_one(effect).await;
                }
            }
            self.apply(commits).await;
            if self.effects.is_empty() {
                // Its room serves the next turn.
                self.effects = effects;
            }
        }
    }

    async fn perform_one(&mut self, effect: Effect) {
        match effect {
            Effect::Append { seq, mutation, committed } => self.replica.log.append(seq, mutation, committed),
            Effect::PersistBallot { ballot } => self.persist_ballot(ballot).await,
            Effect::Send { envelope, after } => {
                self.assert_durable(after);
                self.env.peers.send(*envelope);
            }
            Effect::Answer { token, answer } => self.answer(token, answer),
            Effect::Propose { request, expected, change } => self.propose(request, expected, change),
            Effect::StartLearn { primary, ballot, from } => {
                let (gpid, me) = (self.replica.gpid, self.replica.me);
                self.env.learn.start(LearnOrder { gpid, me, primary, ballot, from });
            }
            Effect::StopLearn => self.env.learn.stop(self.replica.gpid),
            Effect::Truncated { after } => self.overlay.void(after),
            Effect::RoleChanged { status, ballot } => {
                tracing::info!(gpid = %self.replica.gpid, %status, %ballot, "role changed");
                // A primary that stays one over a ballot keeps its writes in flight.
                if status != ReplicaStatus::Primary {
                    self.overlay.clear();
                }
            }
            // Batched by the caller.
            Effect::Apply { mutation, tokens } => self.apply(Commits { mutations: vec![mutation], tokens }).await,
        }
    }

    /// "Persist, then speak", asserted where it is spoken.
    fn assert_durable(&self, after: AppendSeq) {
        assert!(after <= self.durable, "{}: speaks of {after:?}, durable is {:?}", self.replica.gpid, self.durable);
    }

    async fn persist_ballot(&mut self, ballot: Ballot) {
        self.info.ballot = ballot;
        let (info, dir) = (self.info.clone(), self.replica.place.dir.clone());
        match super::blocking(move || info.write(&dir)).await {
            Ok(()) => self.step(Event::BallotPersisted { ballot }),
            Err(error) => self.fail(&format!("cannot write .replica-info: {error}")),
        }
    }

    /// The proposal goes on until its outcome is known; the outcome comes back through the inbox.
    fn propose(&self, request: RequestId, expected: Ballot, change: common::types::ConfigChange) {
        let decided = self.env.meta.change(self.replica.gpid, expected, change);
        let own = self.own();
        tokio::spawn(async move {
            let config = match decided.await {
                Decided::Config(config) => Some(config),
                Decided::Refused => None,
            };
            let _ = own.send(Input::Event(Event::ChangeAnswered { request, config })).await;
        });
    }

    /// Applies committed mutations in order and tells their clients.
    async fn apply(&mut self, commits: Commits) {
        let Commits { mutations, tokens } = commits;
        if mutations.is_empty() {
            return;
        }
        let outcome = match self.storage.clone() {
            Some(storage) if self.error.is_none() => super::apply(storage, mutations).await,
            Some(_) | None => Err("the replica is in error".to_owned()),
        };
        match outcome {
            Ok(decree) => self.overlay.applied(decree),
            Err(error) => {
                self.fail(&format!("cannot apply: {error}"));
                return tokens.into_iter().for_each(|token| self.answer(token, Answer::OutcomeUnknown));
            }
        }
        let now = self.env.clock.mono();
        for token in tokens {
            if let Some(pending) = self.pending.get(&token) {
                self.env.meters.committed(pending.since, now);
            }
            self.answer(token, Answer::ReadReady);
        }
        self.serve_digests().await;
    }

    fn answer(&mut self, token: Token, answer: Answer) {
        let pending = self.pending.remove(&token);
        assert!(pending.is_some(), "{}: {token:?} is answered twice", self.replica.gpid);
        let Some(pending) = pending else { return };
        pending.waiter.tell(match answer {
            Answer::ReadReady => Ok(()),
            Answer::OutcomeUnknown => Err(DataError::OutcomeUnknown),
            Answer::Refused(Refusal::NotPrimary) => Err(self.redirect()),
            Answer::Refused(refusal) => Err(DataError::RetryLater(explain(refusal))),
        });
    }

    /// Where the client should go instead.
    pub(super) fn redirect(&self) -> DataError {
        let primary = self.core.config().and_then(|config| config.primary).map(|primary| primary.peer);
        let primary =
            primary.filter(|peer| *peer != self.replica.me.peer).and_then(|peer| self.env.peers.address(peer));
        DataError::Redirect { primary, ballot: self.core.ballot() }
    }
}

fn explain(refusal: Refusal) -> WireError {
    let (code, message, hint) = match refusal {
        Refusal::NotPrimary => (ErrorCode::NotPrimary, "this replica is not the primary", "refresh the route"),
        Refusal::NotServing => (
            ErrorCode::NotServing,
            "the primary does not serve at the moment",
            "try again; a change of roles is under way",
        ),
        Refusal::TooFewMembers => (
            ErrorCode::RedundancyTooLow,
            "the partition has fewer members than writes need",
            "it heals once a replica has caught up; see `app <table> -d`",
        ),
        Refusal::Busy => (ErrorCode::Busy, "too many writes wait for this partition", "try again after a pause"),
        Refusal::Unhealthy => (
            ErrorCode::DiskSpaceInsufficient,
            "the primary's disk is full or failed",
            "free space, or move replicas off the disk",
        ),
    };
    WireError::new(code, message, hint)
}
