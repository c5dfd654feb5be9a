//! What a copy is, whatever its role: identity, ballot, prepare list, committed decree, durability – and the effects
//! that it has asked for in this step.

use std::sync::Arc;
use std::time::Duration;

use common::types::{
    Ballot, Body, Decree, Envelope, Gpid, Member, Message, Mutation, Now, PartitionConfig, Prepare, Time,
};

use crate::durability::Durability;
use crate::effect::{Answer, Effect, Refusal};
use crate::event::{AppendSeq, Health, RequestId, Token};
use crate::faults::Faults;
use crate::options::Options;
use crate::prepare_list::PrepareList;
use crate::replica::Boot;

/// The part of a replica that all roles share.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) options: Arc<Options>,
    /// Committed mutations that are kept, in bytes.
    pub(crate) cache_bytes: usize,
    pub(crate) faults: Faults,
    pub(crate) me: Member,
    pub(crate) gpid: Gpid,
    pub(crate) now: Now,
    /// The newest configuration known; it may not name this copy.
    pub(crate) config: Option<Arc<PartitionConfig>>,
    /// The ballot that fences older ones, durable or about to be.
    pub(crate) ballot: Ballot,
    /// The ballot that is durable: nothing is said under a newer one (rule DECREES).
    pub(crate) persisted: Ballot,
    /// Whether this copy was made in this process, and so has never spoken under its ballot.
    pub(crate) fresh: bool,
    /// Whether the log may hold records of this incarnation that were given up without a marker in the log.
    pub(crate) log_has_remains: bool,
    pub(crate) list: PrepareList,
    pub(crate) committed: Decree,
    /// Committed as far as the log knew at start, applied with the first step.
    pub(crate) recovered: Decree,
    /// Ballot of the newest record at or below `committed`, for the report after a restart.
    pub(crate) applied_ballot: Ballot,
    /// The greatest mutation or commit time seen (rule TIME).
    pub(crate) time_ms: u64,
    pub(crate) durability: Durability,
    pub(crate) health: Health,
    /// An append failed: this copy can prepare nothing any more (rule DECREES).
    pub(crate) append_failed: bool,
    /// This copy's last answer to any beacon for the partition; its start counts as one (rule TAKE-OVER).
    pub(crate) last_answer: Time,
    /// Client operations taken and not yet answered.
    pub(crate) open_tokens: usize,
    requests: u64,
    pub(crate) out: Vec<Effect>,
}

impl State {
    pub(crate) fn new(options: Arc<Options>, me: Member, gpid: Gpid, boot: Boot, faults: Faults) -> Self {
        let newest = boot.tail.iter().map(|mutation| mutation.ballot).max().unwrap_or_default();
        let time_ms = boot.tail.iter().map(|mutation| mutation.time_ms).fold(boot.time_ms, u64::max);
        let mut list = PrepareList::default();
        for mutation in boot.tail.into_iter().filter(|mutation| mutation.decree > boot.applied) {
            list.put(mutation, Vec::new());
        }
        let ballot = boot.ballot.max(newest);
        Self {
            cache_bytes: options.cache_bytes,
            options,
            faults,
            me,
            gpid,
            now: Now { mono: boot.started_at, wall_ms: 0 },
            config: None,
            ballot,
            persisted: boot.ballot,
            fresh: boot.fresh,
            log_has_remains: !boot.fresh,
            list,
            committed: boot.applied,
            recovered: boot.committed,
            applied_ballot: boot.applied_ballot,
            time_ms,
            durability: Durability::default(),
            health: Health::Well,
            append_failed: false,
            last_answer: boot.started_at,
            open_tokens: 0,
            requests: 0,
            out: Vec::new(),
        }
    }

    pub(crate) fn emit(&mut self, effect: Effect) {
        self.out.push(effect);
    }

    /// Whether something may be said under the present ballot (rule DECREES).
    pub(crate) fn may_speak(&self) -> bool {
        self.persisted >= self.ballot
    }

    pub(crate) fn is_sick(&self) -> bool {
        self.append_failed || self.health == Health::Sick
    }

    /// Whether a new record could be prepared here.
    pub(crate) fn may_append(&self) -> bool {
        !self.append_failed && self.health == Health::Well
    }

    /// What counts as durable, for an acknowledgement or for the primary's own copy.
    pub(crate) fn durable(&self) -> AppendSeq {
        if self.faults.ack_before_fsync { self.durability.issued() } else { self.durability.durable() }
    }

    /// The grace that this copy keeps (rule LEASES).
    pub(crate) fn grace(&self) -> Duration {
        if self.faults.grace_shorter_than_lease { self.options.lease / 2 } else { self.options.grace }
    }

    /// Sends once `after` is durable; the caller has seen to it that it is.
    pub(crate) fn send(&mut self, to: Member, message: Message, after: AppendSeq) {
        let envelope = Box::new(Envelope { gpid: self.gpid, from: self.me, to, message });
        self.emit(Effect::Send { envelope, after });
    }

    /// Passes the configuration on, so that nothing on the write path waits for the meta server.
    pub(crate) fn send_config(&mut self, to: Member) {
        if let Some(config) = self.config.clone() {
            self.send(to, Message::Config(config), AppendSeq(0));
        }
    }

    /// A prepare with these mutations; it overlaps the local fsync, so it waits for no append.
    pub(crate) fn send_prepare(&mut self, to: Member, base: Decree, mutations: Vec<Arc<Mutation>>) {
        let prepare =
            Prepare { ballot: self.ballot, base, committed: self.committed, time_ms: self.time_ms, mutations };
        self.send(to, Message::Prepare(prepare), AppendSeq(0));
    }

    /// Appends to the log.
    pub(crate) fn append(&mut self, mutation: Arc<Mutation>) -> AppendSeq {
        let seq = self.durability.issue();
        self.note_time(mutation.time_ms);
        self.emit(Effect::Append { seq, mutation, committed: self.committed });
        seq
    }

    /// Appends and holds as prepared. A marker first voids older records past it (rule OPENING).
    pub(crate) fn prepare(&mut self, mutation: Arc<Mutation>, tokens: Vec<Token>) {
        if let Body::Opening { after, by } = mutation.body {
            self.void(after, by);
        }
        self.append(mutation.clone());
        self.list.put(mutation, tokens);
    }

    /// Appends and holds a record of the tail under a new ballot; the clients that wait for it go on waiting.
    pub(crate) fn prepare_again(&mut self, mutation: Arc<Mutation>) {
        self.append(mutation.clone());
        self.list.put(mutation, Vec::new());
    }

    /// Gives up everything uncommitted, as a learner does.
    pub(crate) fn give_up_tail(&mut self) {
        self.log_has_remains |= self.list.last() > self.committed;
        self.void(Decree(0), Ballot(u64::MAX));
    }

    /// Voids records of ballots below `ballot` past `after`, never below the committed decree (rule OPENING).
    pub(crate) fn void(&mut self, after: Decree, ballot: Ballot) {
        let after = after.max(self.committed);
        if self.list.void(after, ballot) {
            self.emit(Effect::Truncated { after });
        }
    }

    /// Time never falls within a partition (rule TIME).
    pub(crate) fn note_time(&mut self, time_ms: u64) {
        self.time_ms = self.time_ms.max(time_ms);
    }

    /// The time for a new mutation.
    pub(crate) fn next_time_ms(&mut self) -> u64 {
        self.note_time(self.now.wall_ms);
        self.time_ms
    }

    pub(crate) fn next_request(&mut self) -> RequestId {
        self.requests += 1;
        RequestId(self.requests)
    }

    pub(crate) fn answer(&mut self, token: Token, answer: Answer) {
        self.open_tokens -= 1;
        self.emit(Effect::Answer { token, answer });
    }

    pub(crate) fn refuse(&mut self, token: Token, why: Refusal) {
        self.answer(token, Answer::Refused(why));
    }
}
