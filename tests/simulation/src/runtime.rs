//! The runtime of one replica: drives the real core, performs its effects, answers clients.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use common::types::{
    Body as MutationBody, Decree, Envelope, Gpid, Member, Message, Mutation, PeerId, ReplicaStatus, Time,
};
use pacifica::{Answer, AppendSeq, Effect, Event, Health, Refusal, Replica, Token};
use rand::Rng;
use replica_state::overlay::Overlay;

use crate::disk::{DirChange, DirId, Then};
use crate::happening::{Address, Body, Happening, OpKind, Reply};
use crate::history::OpId;
use crate::learning::Learning;
use crate::log::{Frame, Waiter};
use crate::planted::Planted;
use crate::storage::{self, Snapshot};
use crate::world::World;

/// An append that waits longer makes the replica sick (`log.stall`), in microseconds.
const LOG_STALL: u64 = 600_000;

/// One open replica.
#[derive(Debug)]
pub(crate) struct Runtime {
    pub(crate) core: Replica,
    pub(crate) me: Member,
    /// Tells this opening of the replica from others.
    pub(crate) opened: u64,
    pub(crate) disk: usize,
    pub(crate) dir: DirId,
    pub(crate) storage: Snapshot,
    pub(crate) overlay: Overlay,
    pub(crate) durable: AppendSeq,
    pub(crate) health: Health,
    pub(crate) clean: bool,
    /// The last grant that the core was not told of.
    pub(crate) granted: Option<(PeerId, Time)>,
    /// True time until which its task does nothing.
    pub(crate) hung_until: u64,
    pub(crate) inbox: VecDeque<Input>,
    pub(crate) pending: BTreeMap<Token, Pending>,
    pub(crate) tokens: u64,
    pub(crate) learning: Option<Learning>,
}

/// What a replica's task is sent.
#[derive(Debug)]
pub(crate) enum Input {
    Event(Event),
    Request(Address, OpId, OpKind),
}

/// A client's operation in the core.
#[derive(Debug)]
pub(crate) struct Pending {
    client: Address,
    op: OpId,
    reply: Reply,
}

impl World {
    pub(crate) fn runtime(&mut self, at: usize, gpid: Gpid) -> Option<&mut Runtime> {
        self.nodes.get_mut(at)?.runtimes.get_mut(&gpid)
    }

    /// Hands an event to a replica, at once or when it hangs no longer.
    pub(crate) fn drive(&mut self, at: usize, gpid: Gpid, event: Event) {
        let now = self.now;
        let Some(runtime) = self.runtime(at, gpid) else { return };
        if runtime.hung_until > now {
            runtime.inbox.push_back(Input::Event(event));
        } else {
            let effects = self.step_core(at, gpid, event);
            self.perform_all(at, gpid, effects);
        }
    }

    fn step_core(&mut self, at: usize, gpid: Gpid, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        let Some(node) = self.nodes.get_mut(at) else { return effects };
        let now = node.clock.now(self.now);
        let Some(runtime) = node.runtimes.get_mut(&gpid) else { return effects };
        if !matches!(event, Event::Tick) {
            self.trace.mark((3, at, gpid, now.mono));
            self.trace.say(self.now, || format!("node {at} {gpid}: {}", crate::words::event(&event)));
        }
        if let Some((primary, at)) = runtime.granted.take() {
            runtime.core.step(now, Event::BeaconAnswered { primary, at }, &mut effects);
        }
        runtime.core.step(now, event, &mut effects);
        effects
    }

    fn perform_all(&mut self, at: usize, gpid: Gpid, effects: Vec<Effect>) {
        for effect in effects {
            self.trace.say(self.now, || format!("node {at} {gpid}:     {}", crate::words::effect(&effect)));
            self.perform(at, gpid, effect);
        }
        self.check_serving(gpid);
    }

    /// A hung replica goes on with what has come meanwhile.
    pub(crate) fn unhang(&mut self, at: usize, gpid: Gpid) {
        let now = self.now;
        let Some(runtime) = self.runtime(at, gpid).filter(|r| r.hung_until <= now) else { return };
        for input in std::mem::take(&mut runtime.inbox) {
            match input {
                Input::Event(event) => self.drive(at, gpid, event),
                Input::Request(client, op, kind) => self.serve(at, client, op, gpid, kind),
            }
        }
    }

    /// Stops a replica's task for a while.
    pub(crate) fn hang(&mut self, at: usize, gpid: Gpid, until: u64) {
        let run = self.nodes.get(at).map_or(0, |node| node.run);
        let Some(runtime) = self.runtime(at, gpid) else { return };
        runtime.hung_until = until;
        self.queue.push(until, Happening::Unhang { node: at, run, gpid });
    }

    fn perform(&mut self, at: usize, gpid: Gpid, effect: Effect) {
        match effect {
            Effect::Append { seq, mutation, committed } => self.append(at, gpid, seq, mutation, committed),
            Effect::PersistBallot { ballot } => self.persist_ballot(at, gpid, ballot),
            Effect::Send { envelope, after } => self.speak(at, gpid, *envelope, after),
            Effect::Apply { mutation, tokens } => self.apply(at, gpid, &mutation, tokens),
            Effect::Answer { token, answer } => self.answer(at, gpid, token, answer),
            Effect::Propose { request, expected, change } => self.propose(at, gpid, request, expected, change),
            Effect::StartLearn { primary, ballot, from } => self.start_learn(at, gpid, primary, ballot, from),
            Effect::StopLearn => {
                if let Some(runtime) = self.runtime(at, gpid) {
                    runtime.learning = None;
                }
            }
            Effect::Truncated { after } => {
                if let Some(runtime) = self.runtime(at, gpid) {
                    runtime.overlay.void(after);
                }
            }
            // A primary that stays primary in the next ballot has its writes still in flight.
            Effect::RoleChanged { status, .. } => {
                if let Some(runtime) = self.runtime(at, gpid).filter(|_| status != ReplicaStatus::Primary) {
                    runtime.overlay.clear();
                }
            }
        }
    }

    fn append(&mut self, at: usize, gpid: Gpid, seq: AppendSeq, mutation: Arc<Mutation>, committed: Decree) {
        if let Err(seen) = self.committed.logged(gpid, &mutation) {
            self.violated("a (ballot, decree) is used once", seen);
        }
        let now = self.now;
        let Some(runtime) = self.runtime(at, gpid) else { return };
        let (disk, opened, incarnation) = (runtime.disk, runtime.opened, runtime.me.incarnation);
        let frame = Frame { gpid, incarnation, committed, mutation };
        let log = self.nodes.get_mut(at).and_then(|node| node.disks.get_mut(disk)).map(|disk| &mut disk.log);
        if log.is_some_and(|log| !log.failed && log.append(now, frame, Waiter { gpid, opened, seq })) {
            self.begin_group(at, disk);
        }
    }

    fn begin_group(&mut self, at: usize, disk: usize) {
        let Some(node) = self.nodes.get_mut(at) else { return };
        let run = node.run;
        let Some(log) = node.disks.get_mut(disk).map(|disk| &mut disk.log) else { return };
        if log.begin_group() {
            let stall = log.stalled_until.saturating_sub(self.now);
            let usual = if self.rng.random_ratio(1, 50) { 30_000 } else { 1_500 };
            let done = self.now + stall + self.rng.random_range(100..usual);
            self.queue.push(done, Happening::GroupDone { node: at, run, disk });
        }
    }

    /// A group of the log is durable: the replicas hear of their appends.
    pub(crate) fn group_done(&mut self, at: usize, disk: usize) {
        let Some(log) = self.nodes.get_mut(at).and_then(|node| node.disks.get_mut(disk)).map(|d| &mut d.log) else {
            return;
        };
        if log.failed {
            return;
        }
        let mut last: BTreeMap<Gpid, Waiter> = BTreeMap::new();
        for waiter in log.end_group() {
            last.insert(waiter.gpid, waiter);
        }
        self.begin_group(at, disk);
        for (gpid, waiter) in last {
            let Some(runtime) = self.runtime(at, gpid).filter(|runtime| runtime.opened == waiter.opened) else {
                continue;
            };
            runtime.durable = waiter.seq;
            self.drive(at, gpid, Event::Appended { seq: waiter.seq });
        }
    }

    /// A log that hangs makes its replicas sick, until it goes on.
    pub(crate) fn watch_log(&mut self, at: usize, gpid: Gpid) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(at) else { return };
        let Some(runtime) = node.runtimes.get_mut(&gpid) else { return };
        let Some(disk) = node.disks.get(runtime.disk) else { return };
        let stalls = disk.log.oldest().is_some_and(|oldest| now - oldest > LOG_STALL);
        let health = match (stalls || disk.log.failed, disk.full) {
            (true, _) => Health::Sick,
            (false, true) => Health::NoSpace,
            (false, false) => Health::Well,
        };
        if std::mem::replace(&mut runtime.health, health) != health {
            self.drive(at, gpid, Event::Health(health));
        }
    }

    fn persist_ballot(&mut self, at: usize, gpid: Gpid, ballot: common::types::Ballot) {
        let Some(node) = self.nodes.get(at) else { return };
        let Some(runtime) = node.runtimes.get(&gpid) else { return };
        let (disk, dir, opened) = (runtime.disk, runtime.dir, runtime.opened);
        let info = node.disks.get(disk).and_then(|disk| disk.dirs.get(&dir)).and_then(|dir| dir.info);
        let Some(mut info) = info else { return };
        info.ballot = info.ballot.max(ballot);
        self.start_file_op(at, disk, dir, DirChange::Info(info), Then::BallotPersisted { gpid, opened, ballot });
    }

    fn speak(&mut self, at: usize, gpid: Gpid, envelope: Envelope, after: AppendSeq) {
        let may = self.has(Planted::AckBeforeFsync);
        let Some(runtime) = self.runtime(at, gpid) else { return };
        assert!(
            may || after <= runtime.durable,
            "node {at} {gpid}: speaks of {after:?}, durable is {:?}",
            runtime.durable
        );
        let to = usize::try_from(envelope.to.peer.0).unwrap_or_default();
        self.send(Address::Node(at), Address::Node(to), Body::Replication(envelope));
    }

    /// A message arrives for the copy that it names.
    pub(crate) fn replication_arrives(&mut self, at: usize, envelope: Envelope) {
        let gpid = envelope.gpid;
        if let Message::Config(config) = &envelope.message {
            return self.config_arrives(at, config.clone());
        }
        let for_us = self.runtime(at, gpid).is_some_and(|runtime| runtime.me == envelope.to);
        if for_us {
            self.drive(at, gpid, Event::Message(Box::new(envelope)));
        }
    }

    fn apply(&mut self, at: usize, gpid: Gpid, mutation: &Mutation, tokens: Vec<Token>) {
        let Some(runtime) = self.nodes.get_mut(at).and_then(|node| node.runtimes.get_mut(&gpid)) else { return };
        let ballot = runtime.core.ballot();
        let applied = self.committed.applied(gpid, runtime.storage.applied, mutation, ballot);
        runtime.storage.apply(mutation);
        runtime.overlay.applied(mutation.decree);
        if !tokens.is_empty() {
            self.committed.acknowledged(gpid, mutation.decree);
        }
        if let Err(seen) = applied {
            let seen = format!("node {at} at ballot {ballot}: {seen}");
            self.violated("committed prefixes agree", seen);
        }
        for token in tokens {
            self.answer(at, gpid, token, Answer::ReadReady);
        }
    }

    fn answer(&mut self, at: usize, gpid: Gpid, token: Token, answer: Answer) {
        let Some(runtime) = self.runtime(at, gpid) else { return };
        let pending = runtime.pending.remove(&token);
        assert!(pending.is_some(), "node {at} {gpid}: {token:?} is answered twice");
        let hint = primary_hint(&runtime.core);
        let Some(Pending { client, op, reply }) = pending else { return };
        let reply = match answer {
            Answer::ReadReady => reply,
            Answer::OutcomeUnknown => Reply::Unknown,
            Answer::Refused(Refusal::NotPrimary) => Reply::Refused(hint),
            Answer::Refused(_) => Reply::Refused(Some(at)),
        };
        self.send(Address::Node(at), client, Body::Reply { op, reply });
    }

    /// A client's operation arrives at the service door.
    pub(crate) fn request_arrives(&mut self, at: usize, client: Address, op: OpId, gpid: Gpid, kind: OpKind) {
        let now = self.now;
        if let OpKind::Get { key } = kind {
            return self.begin_read(at, client, op, gpid, key);
        }
        match self.runtime(at, gpid) {
            None => self.send(Address::Node(at), client, Body::Reply { op, reply: Reply::Refused(None) }),
            Some(runtime) if runtime.hung_until > now => runtime.inbox.push_back(Input::Request(client, op, kind)),
            Some(_) => self.serve(at, client, op, gpid, kind),
        }
    }

    /// Evaluates a write against what is applied and in flight, and hands plain writes to the core.
    fn serve(&mut self, at: usize, client: Address, op: OpId, gpid: Gpid, kind: OpKind) {
        let from_overlay = self.faults.failed_cas_answered_from_overlay;
        let Some(node) = self.nodes.get_mut(at) else { return };
        let Some(runtime) = node.runtimes.get_mut(&gpid) else { return };
        let log_takes_it = node.disks.get(runtime.disk).is_some_and(|disk| !disk.full && !disk.log.failed);
        if runtime.core.status() != ReplicaStatus::Primary {
            let reply = Reply::Refused(primary_hint(&runtime.core));
            return self.send(Address::Node(at), client, Body::Reply { op, reply });
        }
        let token = Token(runtime.tokens);
        let (event, reply) = runtime.evaluate(token, kind);
        let write = matches!(event, Event::Write { .. });
        if (write && !log_takes_it) || (!write && from_overlay) {
            let reply = if write { Reply::Refused(Some(at)) } else { reply };
            return self.send(Address::Node(at), client, Body::Reply { op, reply });
        }
        runtime.tokens += 1;
        runtime.pending.insert(token, Pending { client, op, reply });
        self.enter(at, gpid, token, event);
    }

    /// As the runtime of the product does: the overlay learns of a write that the core did not refuse.
    fn enter(&mut self, at: usize, gpid: Gpid, token: Token, event: Event) {
        let Some(runtime) = self.runtime(at, gpid) else { return };
        let decree = runtime.core.next_decree();
        let noted = if let Event::Write { writes, .. } = &event { Some(writes.clone()) } else { None };
        let effects = self.step_core(at, gpid, event);
        let refuses = |effect: &Effect| matches!(effect, Effect::Answer { token: answered, .. } if *answered == token);
        let refused = effects.iter().any(refuses);
        if let (Some(writes), false, Some(runtime)) = (noted, refused, self.runtime(at, gpid)) {
            runtime.overlay.note(decree, &writes);
        }
        self.perform_all(at, gpid, effects);
    }
}

impl Runtime {
    /// A replica just opened in this directory of this disk.
    pub(crate) fn new(core: Replica, opened: u64, place: (usize, DirId), storage: Snapshot, clean: bool) -> Self {
        Self {
            me: core.me(),
            core,
            opened,
            disk: place.0,
            dir: place.1,
            storage,
            overlay: Overlay::default(),
            durable: AppendSeq(0),
            health: Health::Well,
            clean,
            granted: None,
            hung_until: 0,
            inbox: VecDeque::new(),
            pending: BTreeMap::new(),
            tokens: 0,
            learning: None,
        }
    }

    fn evaluate(&self, token: Token, kind: OpKind) -> (Event, Reply) {
        match kind {
            OpKind::CompareAndSet { key, expect, value } => {
                let (seen, present) = self.present(key);
                if present == expect {
                    (Event::Write { token, writes: storage::put(key, value) }, Reply::Written)
                } else {
                    (Event::ReadBarrier { token, seen }, Reply::Value(present))
                }
            }
            OpKind::Put { key, value } => (Event::Write { token, writes: storage::put(key, value) }, Reply::Written),
            OpKind::Get { key } => {
                (Event::ReadBarrier { token, seen: self.storage.applied }, Reply::Value(self.present(key).1))
            }
        }
    }

    /// What a key will be once everything in flight is applied, and the decree that this depends on.
    fn present(&self, key: u16) -> (Decree, Option<u64>) {
        match self.overlay.get(&key.to_be_bytes()) {
            Some((decree, value)) => (decree, value.and_then(|value| storage::decode_value(&value))),
            None => (self.storage.applied, self.storage.map.get(&key).copied()),
        }
    }
}

fn primary_hint(core: &Replica) -> Option<usize> {
    let primary = core.config().and_then(|config| config.primary)?;
    usize::try_from(primary.peer.0).ok()
}

/// Whether a mutation is a marker, for the trace.
pub(crate) fn is_opening(mutation: &Mutation) -> bool {
    matches!(mutation.body, MutationBody::Opening { .. })
}
