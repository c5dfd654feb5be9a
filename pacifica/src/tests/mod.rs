//! Tests of the core as sentences, each comparing the effects of one behaviour. The bench below drives one replica by
//! hand; clusters are the simulator's.

mod cluster;
mod following;
mod foreign;
mod leading;
mod learning;
mod leases;
mod moves;
mod opening;
mod planted;
mod restart;
mod union;
mod writing;

use std::sync::Arc;
use std::time::Duration;

use common::types::{
    Ballot, Body, ConfigChange, Decree, Envelope, Gpid, Incarnation, Member, Message, Mutation, Now, PartitionConfig,
    PeerId, Prepare, PrepareAck, ReplicaStatus, SlotRange, Time, Writes, WritesBuilder,
};

use crate::{Answer, AppendSeq, Boot, Effect, Event, Faults, Options, Replica, RequestId, Token};

const GPID: Gpid = Gpid::new(1, 0);
const START: Time = Time(1_000_000_000);

fn member(peer: u64) -> Member {
    Member { peer: PeerId(peer), incarnation: Incarnation(peer + 1) }
}

/// A configuration: members by peer, the first is primary; then learners.
fn config(ballot: u64, members: &[u64], learners: &[u64]) -> PartitionConfig {
    let mut members = members.iter().copied().map(member);
    PartitionConfig {
        gpid: GPID,
        slots: SlotRange { start: 0, end: 16383 },
        ballot: Ballot(ballot),
        replica_count: 3,
        primary: members.next(),
        secondaries: members.collect(),
        learners: learners.iter().copied().map(member).collect(),
        consented: true,
        appointed: Some(Ballot(ballot)),
        next_incarnation: Incarnation(100),
        moving: None,
    }
}

fn writes(text: &str) -> Writes {
    WritesBuilder::default().put(text.as_bytes(), b"v").finish()
}

fn mutation(ballot: u64, decree: u64, text: &str) -> Arc<Mutation> {
    Arc::new(Mutation { ballot: Ballot(ballot), decree: Decree(decree), time_ms: 0, body: Body::Writes(writes(text)) })
}

fn opening(ballot: u64, decree: u64) -> Arc<Mutation> {
    let body = Body::Opening { after: Decree(decree - 1), by: Ballot(ballot) };
    Arc::new(Mutation { ballot: Ballot(ballot), decree: Decree(decree), time_ms: 0, body })
}

fn prepare(ballot: u64, base: u64, committed: u64, mutations: Vec<Arc<Mutation>>) -> Message {
    let (base, committed) = (Decree(base), Decree(committed));
    Message::Prepare(Prepare { ballot: Ballot(ballot), base, committed, time_ms: 0, mutations })
}

fn ack(ballot: u64, matched: u64) -> Message {
    let (ballot, matched) = (Ballot(ballot), Decree(matched));
    Message::PrepareAck(PrepareAck { ballot, matched, committed: Decree(0) })
}

/// One replica, its clock and what is durable of it.
struct Bench {
    replica: Replica,
    now: Time,
    issued: AppendSeq,
}

impl Bench {
    fn with(peer: u64, boot: Boot, options: Options, faults: Faults) -> Self {
        let boot = Boot { started_at: START, ..boot };
        let replica = Replica::new(Arc::new(options), member(peer), GPID, boot, faults);
        Self { replica, now: START, issued: AppendSeq(0) }
    }

    fn new(peer: u64) -> Self {
        Self::with(peer, Boot { fresh: true, ..Boot::default() }, Options::default(), Faults::default())
    }

    /// A restarted copy that had this ballot, applied decree and tail.
    fn restarted(peer: u64, ballot: u64, applied: u64, tail: Vec<Arc<Mutation>>) -> Self {
        let (applied, committed) = (Decree(applied), Decree(applied));
        let boot = Boot { ballot: Ballot(ballot), applied, committed, tail, ..Boot::default() };
        Self::with(peer, boot, Options::default(), Faults::default())
    }

    /// Peer 0 as the serving primary of `members` and `learners` at ballot 5, with leases and nothing in flight.
    fn primary(members: &[u64], learners: &[u64]) -> Self {
        Self::primary_with(members, learners, Options::default(), Faults::default())
    }

    fn primary_with(members: &[u64], learners: &[u64], options: Options, faults: Faults) -> Self {
        let mut bench = Self::with(0, Boot { fresh: true, ..Boot::default() }, options, faults);
        bench.lead(5, members, learners);
        bench
    }

    /// Becomes and serves as primary.
    fn lead(&mut self, ballot: u64, members: &[u64], learners: &[u64]) {
        self.install(&config(ballot, members, learners));
        self.durable();
        let last = self.replica.prepared().0;
        for peer in members.iter().skip(1) {
            self.hear(*peer, ack(ballot, last));
            self.grant(*peer, ballot);
        }
        assert!(self.replica.is_serving(), "not serving");
    }

    /// Peer 1 as a secondary of 0 and beside 2, at ballot 5, with `tail` held.
    fn secondary() -> Self {
        let mut bench = Self::new(1);
        bench.install(&config(4, &[0, 2], &[1]));
        bench.step(Event::LearnEnded { ballot: Ballot(4) });
        bench.install(&config(5, &[0, 1, 2], &[]));
        assert_eq!(bench.replica.status(), ReplicaStatus::Secondary);
        bench
    }

    /// Peer 3 as a learner of 0, at ballot 5, its learn under way.
    fn learner() -> Self {
        let mut bench = Self::new(3);
        bench.install(&config(5, &[0, 1, 2], &[3]));
        bench
    }

    fn step(&mut self, event: Event) -> Vec<Effect> {
        let mut out = Vec::new();
        let now = Now { mono: self.now, wall_ms: self.now.0 / 1000 };
        self.replica.step(now, event, &mut out);
        for effect in &out {
            if let Effect::Append { seq, .. } = effect {
                self.issued = *seq;
            }
        }
        out
    }

    /// Everything appended becomes durable.
    fn durable(&mut self) -> Vec<Effect> {
        self.step(Event::Appended { seq: self.issued })
    }

    /// A configuration arrives and its ballot becomes durable.
    fn install(&mut self, config: &PartitionConfig) -> Vec<Effect> {
        let mut out = self.step(Event::Config(Arc::new(config.clone())));
        out.extend(self.step(Event::BallotPersisted { ballot: config.ballot }));
        out
    }

    fn hear(&mut self, from: u64, message: Message) -> Vec<Effect> {
        let to = self.replica.me();
        self.step(Event::Message(Box::new(Envelope { gpid: GPID, from: member(from), to, message })))
    }

    fn grant(&mut self, by: u64, ballot: u64) -> Vec<Effect> {
        self.step(Event::LeaseGranted { by: PeerId(by), ballot: Ballot(ballot), sent_at: self.now })
    }

    fn write(&mut self, token: u64) -> Vec<Effect> {
        self.step(Event::Write { token: Token(token), writes: writes(&token.to_string()) })
    }

    fn barrier(&mut self, token: u64, seen: u64) -> Vec<Effect> {
        self.step(Event::ReadBarrier { token: Token(token), seen: Decree(seen) })
    }

    /// Moves time on, in steps of a tick.
    fn pass(&mut self, ms: u64) -> Vec<Effect> {
        let mut out = Vec::new();
        for _ in 0..ms / 100 {
            self.now = self.now + Duration::from_millis(100);
            out.extend(self.step(Event::Tick));
        }
        out
    }
}

/// What was sent, and to whom.
fn sent(effects: &[Effect]) -> Vec<(u64, &Message)> {
    let envelopes = effects.iter().filter_map(|effect| match effect {
        Effect::Send { envelope, .. } => Some(envelope),
        _ => None,
    });
    envelopes.map(|envelope| (envelope.to.peer.0, &envelope.message)).collect()
}

/// The decrees of the prepares sent: (to, decrees).
fn prepares(effects: &[Effect]) -> Vec<(u64, Vec<u64>)> {
    let prepares = sent(effects).into_iter().filter_map(|(to, message)| match message {
        Message::Prepare(prepare) => Some((to, prepare.mutations.iter().map(|m| m.decree.0).collect())),
        _ => None,
    });
    prepares.collect()
}

/// The acknowledgements sent, by their `matched`.
fn acks(effects: &[Effect]) -> Vec<u64> {
    let acks = sent(effects).into_iter().filter_map(|(_, message)| match message {
        Message::PrepareAck(ack) => Some(ack.matched.0),
        _ => None,
    });
    acks.collect()
}

/// What was applied: (decree, tokens).
fn applied(effects: &[Effect]) -> Vec<(u64, Vec<u64>)> {
    let applied = effects.iter().filter_map(|effect| match effect {
        Effect::Apply { mutation, tokens } => Some((mutation.decree.0, tokens.iter().map(|t| t.0).collect())),
        _ => None,
    });
    applied.collect()
}

/// How client operations were answered.
fn answers(effects: &[Effect]) -> Vec<(u64, Answer)> {
    let answers = effects.iter().filter_map(|effect| match effect {
        Effect::Answer { token, answer } => Some((token.0, *answer)),
        _ => None,
    });
    answers.collect()
}

/// What was proposed.
fn proposals(effects: &[Effect]) -> Vec<(RequestId, ConfigChange)> {
    let proposals = effects.iter().filter_map(|effect| match effect {
        Effect::Propose { request, change, .. } => Some((*request, change.clone())),
        _ => None,
    });
    proposals.collect()
}

fn changes(effects: &[Effect]) -> Vec<ConfigChange> {
    proposals(effects).into_iter().map(|(_, change)| change).collect()
}
