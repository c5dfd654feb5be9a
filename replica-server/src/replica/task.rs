//! The task that drives one `pacifica::Replica`: inputs in, one step each, then the effects in order.
//!
//! Handlers never touch the core: they send here and wait. Persist, then speak: what an effect says to a peer or a
//! client was made durable before the core emitted it, and that is asserted here once more.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use common::clock::Clock;
use common::rpc::WireResult;
use common::rpc::data::{DataError, DataOp};
use common::types::{Decree, ReplicaStatus, Time, Writes};
use foldhash::HashMap;
use pacifica::{AppendSeq, Effect, Event, Health, Token};
use replica_state::overlay::Overlay;
use tokio::sync::{mpsc, oneshot};

use super::beacons::Beacons;
use super::caches::Share;
use super::handle::{Input, Replica, View};
use super::inbox::Inbox;
use super::meters::Meters;
use super::operation::{self, Outcome, plain};
use super::ports::{LearnPort, MetaPort, PeerPort};
use super::signal::DurableSignal;
use super::waiter::{ClientWrite, Waiter};
use crate::disk::ReplicaInfo;
use crate::log::Reservation;
use crate::storage::{Cached, Engine, Storage};

/// Readers of a storage that closes get so long to end.
pub(super) const CLOSE: std::time::Duration = std::time::Duration::from_secs(10);

/// What a task needs besides its replica.
#[derive(Clone)]
pub(crate) struct Environment {
    pub(crate) clock: Clock,
    pub(crate) peers: Arc<dyn PeerPort>,
    pub(crate) meta: Arc<dyn MetaPort>,
    pub(crate) learn: Arc<dyn LearnPort>,
    pub(crate) engine: Engine,
    pub(crate) meters: Arc<Meters>,
    pub(crate) beacons: Arc<Beacons>,
}

/// A client's write on its way.
pub(super) struct Pending {
    pub(super) waiter: Waiter,
    pub(super) since: Time,
    /// Log space, set aside before the write got a decree (rule DECREES).
    _reserved: Option<Reservation>,
}

/// What the core is asked for a client.
pub(super) enum Entry {
    /// To be told when everything up to the decree is committed.
    Read(Decree),
    /// To give these a decree.
    Write(Writes),
}

/// The task's own state.
pub(crate) struct Task {
    pub(super) core: pacifica::Replica,
    pub(super) replica: Arc<Replica>,
    pub(super) env: Environment,
    cache: Share,
    pub(super) storage: Option<Storage>,
    pub(super) info: ReplicaInfo,
    pub(super) overlay: Overlay,
    pub(super) pending: HashMap<Token, Pending>,
    pub(super) next_token: u64,
    /// Redis commands evaluated by this process: tells apart what is created within one millisecond.
    pub(super) evaluations: u64,
    pub(super) effects: Vec<Effect>,
    pub(super) error: Option<Arc<str>>,
    pub(super) clean: bool,
    condemned: bool,
    leased: bool,
    lacks_lease: bool,
    /// Appends known durable.
    pub(super) durable: AppendSeq,
    signal: Arc<DurableSignal>,
    inbox: Inbox,
    /// Digests that wait for their decree.
    pub(super) digests: VecDeque<(Decree, super::digest::Waiter)>,
    own: mpsc::Sender<Input>,
}

impl Task {
    #[allow(clippy::too_many_arguments, reason = "called once, by boot")]
    pub(super) fn new(
        core: pacifica::Replica,
        replica: Arc<Replica>,
        env: Environment,
        cache: Share,
        info: ReplicaInfo,
        clean: bool,
        signal: Arc<DurableSignal>,
        inputs: mpsc::Receiver<Input>,
    ) -> Self {
        Self {
            storage: replica.storage(),
            own: replica.inbox.clone(),
            core,
            replica,
            env,
            cache,
            info,
            clean,
            condemned: false,
            leased: false,
            lacks_lease: false,
            signal,
            inbox: Inbox::new(inputs),
            overlay: Overlay::default(),
            pending: HashMap::default(),
            next_token: 0,
            evaluations: 0,
            effects: Vec::new(),
            error: None,
            durable: AppendSeq(0),
            digests: VecDeque::new(),
        }
    }

    /// Runs until told to stop.
    pub(crate) async fn run(mut self) {
        let mut turn = Vec::new();
        // What the log knew to be committed is applied before anything else, a stop included: whoever closes a copy, or
        // takes it back under another incarnation, goes by what is applied (rule LOG).
        self.step(Event::Tick);
        self.perform().await;
        self.publish();
        while self.next(&mut turn).await {
            self.core.limit_cache(self.cache.bytes());
            self.take_durable();
            let heard = !turn.is_empty();
            let mut inputs = turn.drain(..);
            while let Some(input) = inputs.next() {
                if let Input::Stop { flush, done } = input {
                    return self.stop(flush, done, inputs).await;
                }
                self.input(input).await;
            }
            drop(inputs);
            if heard {
                self.step(Event::Gathered);
            }
            self.perform().await;
            self.publish();
        }
    }

    /// Waits for inputs, or for news of the log, and takes what there is of both. False: nobody can tell it anything more.
    async fn next(&mut self, turn: &mut Vec<Input>) -> bool {
        poll_fn(|context| {
            let news = self.signal.poll_news(context).is_ready();
            let taken = self.inbox.poll_turn(context, turn);
            if news && taken.is_pending() { Poll::Ready(true) } else { taken.map(|taken| taken > 0) }
        })
        .await
    }

    async fn input(&mut self, input: Input) {
        match input {
            // What failed by itself is not well because its disk is: it is opened again.
            Input::Event(Event::Health(Health::Well)) if self.error.is_some() => {}
            Input::Event(event) => self.step(event),
            Input::Write(write) => self.write(write).await,
            Input::Digest(at, answer) => {
                self.perform().await;
                self.digest(at, answer).await;
            }
            Input::Cached(from, answer) => drop(answer.send(self.core.cached(from))),
            Input::Mark(taken) => {
                self.perform().await;
                let _ = taken.send(());
            }
            Input::Install(ready) => {
                self.perform().await;
                self.install(ready).await;
            }
            Input::Condemn(why) => {
                self.condemned = true;
                self.fail(&why);
            }
            // Taken by the loop, which ends with it.
            Input::Stop { .. } => {}
        }
    }

    fn take_durable(&mut self) {
        let seq = self.signal.seq();
        if seq > self.durable {
            self.durable = seq;
            self.step(Event::Appended { seq });
        }
        if self.signal.take_failed() {
            self.step(Event::AppendFailed);
            self.fail("the mutation log failed");
        }
    }

    /// One step of the core; a lease that is gone is gone for readers before anything else happens.
    pub(super) fn step(&mut self, event: Event) {
        let now = self.env.clock.now();
        let mut grants = self.replica.grant.lock();
        if let Some((primary, at)) = grants.take_last() {
            self.core.step(now, Event::BeaconAnswered { primary, at }, &mut self.effects);
        }
        self.core.step(now, event, &mut self.effects);
        let primary = self.core.config().and_then(|config| config.primary).map(|primary| primary.peer);
        let ballot = self.core.ballot();
        grants.to = primary.filter(|primary| self.core.grants(*primary, ballot)).map(|primary| (primary, ballot));
        drop(grants);
        self.replica.gate.lower(self.core.read_until());
    }

    async fn write(&mut self, write: ClientWrite) {
        if self.core.status() != ReplicaStatus::Primary {
            return write.refuse(self.redirect());
        }
        match write {
            ClientWrite::Data(op, to) => match self.evaluate(&op).await {
                Outcome::Refused(error) => drop(to.send(Err(DataError::Refused(error)))),
                Outcome::Read(reply, seen) => self.enter(Entry::Read(seen), Waiter::Data(reply, to)),
                Outcome::Write(writes, reply) => self.enter(Entry::Write(writes), Waiter::Data(reply, to)),
            },
            ClientWrite::Redis(write, to) => self.redis(&write, to).await,
        }
    }

    pub(super) fn owns(&self, slot: u16) -> bool {
        self.core.config().is_some_and(|config| config.slots.contains(slot))
    }

    async fn evaluate(&mut self, op: &DataOp) -> Outcome {
        if let Err(error) = operation::validate(op, |slot| self.owns(slot)) {
            return Outcome::Refused(error);
        }
        let present = match operation::decisive_key(op) {
            Some(key) => self.present(key).await,
            None => Ok(operation::Present::default()),
        };
        match present {
            Ok(present) => operation::evaluate(op, &present, self.now_ms()),
            Err(error) => Outcome::Refused(error),
        }
    }

    /// The present state of a record: in flight, in memory, or on disk. While the disk is read this partition waits,
    /// so nothing gets between the reading and the write that depends on it.
    async fn present(&mut self, key: &[u8]) -> WireResult<operation::Present> {
        let (stored, seen) = match self.overlay.get(key) {
            Some((decree, value)) => (value, decree),
            None => (self.stored(key).await?, self.applied()),
        };
        Ok(operation::Present { value: plain(stored, self.now_ms())?, seen })
    }

    async fn stored(&mut self, key: &[u8]) -> WireResult<Option<Bytes>> {
        // What is committed must be in the storage before it is asked.
        self.perform().await;
        let Some(storage) = self.storage.clone() else { return Err(super::handle::closing(self.replica.gpid)) };
        match storage.get_cached(key).map_err(|error| error.to_wire())? {
            Cached::Found(found) => Ok(found),
            Cached::NotInCache => {
                let key = Bytes::copy_from_slice(key);
                super::blocking(move || storage.get(&key)).await.map_err(|error| error.to_wire())
            }
        }
    }

    /// Hands an evaluated operation to the core under a token of its own.
    pub(super) fn enter(&mut self, entry: Entry, waiter: Waiter) {
        let token = Token(self.next_token);
        let mut reserved = None;
        let event = match entry {
            Entry::Read(seen) => Event::ReadBarrier { token, seen },
            Entry::Write(writes) => {
                match self.replica.log.disk_log().reserve(writes.as_bytes().len()) {
                    Ok(space) => reserved = Some(space),
                    Err(error) => return waiter.tell(Err(DataError::RetryLater(error.to_wire()))),
                }
                Event::Write { token, writes }
            }
        };
        self.next_token += 1;
        self.pending.insert(token, Pending { waiter, since: self.env.clock.mono(), _reserved: reserved });
        let (decree, before) = (self.core.next_decree(), self.effects.len());
        let noted = if let Event::Write { writes, .. } = &event { Some(writes.clone()) } else { None };
        self.step(event);
        let is_refusal =
            |effect: &Effect| matches!(effect, Effect::Answer { token: answered, .. } if *answered == token);
        let refused = self.effects.iter().skip(before).any(is_refusal);
        if let Some(writes) = noted.filter(|_| !refused) {
            self.overlay.note(decree, &writes);
        }
    }

    /// The replica can do its duty no longer; it leaves the roster and abdicates (rule LEASES).
    pub(super) fn fail(&mut self, why: &str) {
        if self.error.is_none() {
            tracing::error!(gpid = %self.replica.gpid, why, "replica goes to error");
            self.error = Some(why.into());
            self.step(Event::Health(Health::Sick));
        }
    }

    fn publish(&mut self) {
        let (until, now) = (self.core.read_until(), self.env.clock.mono());
        let leased = until.is_some_and(|until| now < until);
        if self.leased && !leased && self.core.status() == ReplicaStatus::Primary {
            self.env.meters.lease_lost();
        }
        self.leased = leased;
        let lacks_lease = self.core.lacks_lease();
        if !std::mem::replace(&mut self.lacks_lease, lacks_lease) && lacks_lease {
            self.env.beacons.wanted();
        }
        self.replica.gate.publish(until);
        if self.show() {
            self.env.beacons.roster_changed();
        }
        let now = (self.core.status(), self.core.ballot());
        let serves = self.core.is_serving() && self.error.is_none();
        if *self.replica.serves.borrow() != serves {
            self.replica.serves.send_replace(serves);
        }
        if *self.replica.changed.borrow() != now {
            self.replica.changed.send_replace(now);
            self.env.meta.news();
        }
    }

    /// Brings the view up to date; whether its roster changed.
    fn show(&self) -> bool {
        let (error, clean, condemned) = (self.error.clone(), self.clean, self.condemned);
        let mut shown = self.replica.view.lock();
        // In its place, unless somebody looks at it.
        let view = Arc::make_mut(&mut shown);
        let before = std::mem::take(&mut view.roster);
        *view = View { error, clean, condemned, ..View::of(&self.core) };
        before != view.roster
    }

    /// Ends the role and lets go of storage and log; every waiting client is answered.
    async fn stop(mut self, flush: bool, stopped: oneshot::Sender<Decree>, behind: impl Iterator<Item = Input>) {
        self.replica.gate.publish(None);
        self.replica.serves.send_replace(false);
        self.perform().await;
        let leads = self.core.status() == ReplicaStatus::Primary;
        let closing = || DataError::RetryLater(super::handle::closing(self.replica.gpid));
        let refusal = if leads { closing() } else { self.redirect() };
        self.inbox.close(behind, &refusal).await;
        self.env.learn.stop(self.replica.gpid);
        for (_, pending) in self.pending.drain() {
            pending.waiter.tell(Err(DataError::OutcomeUnknown));
        }
        let decree = self.core.committed();
        *self.replica.storage.write() = None;
        if let Some(storage) = self.storage.take() {
            super::blocking(move || {
                if flush && let Err(error) = storage.flush() {
                    tracing::warn!(%error, "the last flush failed; the log holds the rest");
                }
                if let Err(error) = storage.close(CLOSE) {
                    tracing::error!(%error, "a storage is still in use");
                }
            })
            .await;
        }
        let _ = stopped.send(decree);
    }

    /// A sender to this task's own inbox, for work that finishes elsewhere.
    pub(super) fn own(&self) -> mpsc::Sender<Input> {
        self.own.clone()
    }

    pub(super) fn applied(&self) -> Decree {
        self.storage.as_ref().map_or(Decree(0), |storage| storage.applied().decree)
    }

    /// The time by which lives are counted: never before what was applied (rule TIME).
    pub(super) fn now_ms(&self) -> u64 {
        let applied = self.storage.as_ref().map_or(0, |storage| storage.applied().time_ms);
        self.env.clock.wall_ms().max(applied)
    }
}
