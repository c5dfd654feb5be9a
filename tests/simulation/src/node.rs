//! A node: its clock, its disks, its process if it runs, and its replicas.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use common::types::{Ballot, Gpid, Incarnation, PartitionConfig, PeerId, ProcessId};
use pacifica::Event;
use pacifica::beacon::{BeaconReceiver, BeaconSender};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use uuid::Uuid;

use crate::clock::Clock;
use crate::disk::{Disk, FileOp};
use crate::happening::Requested;
use crate::happening::{Address, Body, Happening};
use crate::moving::Move;
use crate::plan::Plan;
use crate::planted::Planted;
use crate::proposal::Proposal;
use crate::read::Read;
use crate::runtime::Runtime;
use crate::world::World;

/// Time between two ticks by the node's own clock, in microseconds.
const TICK: u64 = 50_000;
/// Ticks between two heartbeats to the meta server.
const TICKS_OF_A_HEARTBEAT: u64 = 5;

/// A node.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: usize,
    pub(crate) clock: Clock,
    pub(crate) disks: Vec<Disk>,
    /// Disk moves, in the durable job store.
    pub(crate) moves: BTreeMap<Gpid, Move>,
    /// Planted: it counts the incarnations of its copies itself.
    pub(crate) minted_locally: bool,

    /// Whether a process runs.
    pub(crate) up: bool,
    /// True time until which the process is stopped (SIGSTOP, suspend).
    pub(crate) paused_until: u64,
    /// What waits for it to go on.
    pub(crate) held: Vec<Happening>,
    /// The next read is where the process is stopped, for so long.
    pub(crate) pause_in_read: Option<u64>,
    /// Number of the process.
    pub(crate) run: u64,
    pub(crate) process: ProcessId,
    /// What follows is gone with the process.
    pub(crate) runtimes: BTreeMap<Gpid, Runtime>,
    pub(crate) configs: BTreeMap<Gpid, Arc<PartitionConfig>>,
    pub(crate) opening: BTreeSet<Gpid>,
    pub(crate) senders: BTreeMap<usize, BeaconSender>,
    pub(crate) receivers: BTreeMap<usize, BeaconReceiver>,
    pub(crate) proposals: BTreeMap<(Gpid, Requested), Proposal>,
    pub(crate) reads: BTreeMap<u64, Read>,
    pub(crate) file_ops: BTreeMap<u64, FileOp>,
    /// What was configured when this process registered: no absent disk can hold an incarnation given later, and
    /// without fsync no role is taken at a ballot given before.
    pub(crate) at_start: Option<BTreeMap<Gpid, (Ballot, Incarnation)>>,
    /// Partitions for which a disk that is absent is waited for.
    pub(crate) waiting: BTreeSet<Gpid>,
    pub(crate) registered: bool,
    /// Its directories were recovered.
    pub(crate) loaded: bool,
    pub(crate) ticks: u64,
    /// When it last looked at its clock.
    pub(crate) last_tick: common::types::Time,
}

impl Node {
    /// The nodes of a plan, not yet started.
    pub(crate) fn of_plan(rng: &mut ChaCha8Rng, plan: &Plan, planted: Option<Planted>) -> Vec<Self> {
        (0..plan.nodes).map(|id| Self::new(rng, id, plan, planted)).collect()
    }

    fn new(rng: &mut ChaCha8Rng, id: usize, plan: &Plan, planted: Option<Planted>) -> Self {
        let clock = Clock {
            base: rng.random_range(1_000_000_000..2_000_000_000),
            drift_ppm: rng.random_range(-9_900..=9_900),
            wall_ms: rng.random_range(1_700_000_000_000..1_700_000_010_000),
        };
        Self {
            id,
            clock,
            disks: (0..2).map(|_| Disk::new(Uuid::from_u128(rng.random()), plan.sync)).collect(),
            moves: BTreeMap::new(),
            minted_locally: planted == Some(Planted::IncarnationMintedLocally),
            up: false,
            paused_until: 0,
            held: Vec::new(),
            pause_in_read: None,
            run: 0,
            process: ProcessId(0),
            runtimes: BTreeMap::new(),
            configs: BTreeMap::new(),
            opening: BTreeSet::new(),
            senders: BTreeMap::new(),
            receivers: BTreeMap::new(),
            proposals: BTreeMap::new(),
            reads: BTreeMap::new(),
            file_ops: BTreeMap::new(),
            at_start: None,
            waiting: BTreeSet::new(),
            registered: false,
            loaded: false,
            ticks: 0,
            last_tick: common::types::Time(0),
        }
    }

    /// As the others call it.
    pub(crate) fn peer(&self) -> PeerId {
        PeerId(self.id as u64)
    }

    /// Everything that lives in the process goes.
    pub(crate) fn forget_process(&mut self) {
        self.up = false;
        self.paused_until = 0;
        self.pause_in_read = None;
        self.held.clear();
        self.runtimes.clear();
        self.configs.clear();
        self.opening.clear();
        self.senders.clear();
        self.receivers.clear();
        self.proposals.clear();
        self.reads.clear();
        self.file_ops.clear();
        self.at_start = None;
        self.waiting.clear();
        self.registered = false;
        self.loaded = false;
    }

    /// The disk with this identity.
    pub(crate) fn disk_of(&self, uuid: Uuid) -> Option<usize> {
        self.disks.iter().position(|disk| disk.uuid == uuid)
    }

    /// The entries of the beacon to another node.
    fn roster(&self, other: PeerId) -> BTreeMap<Gpid, Ballot> {
        let entry = |(gpid, runtime): (&Gpid, &Runtime)| {
            let wanted = runtime.core.roster().into_iter().find(|(peer, _)| *peer == other)?;
            Some((*gpid, wanted.1))
        };
        self.runtimes.iter().filter_map(entry).collect()
    }
}

impl World {
    /// A node's timer: what the runtime does from time to time.
    pub(crate) fn tick(&mut self, at: usize) {
        let Some(node) = self.nodes.get_mut(at) else { return };
        let now = node.clock.now(self.now).mono;
        let jumped = now.since(node.last_tick) > self.options.lease / 2;
        node.last_tick = now;
        node.ticks += 1;
        let (run, ticks) = (node.run, node.ticks);
        let gpids: Vec<Gpid> = node.runtimes.keys().copied().collect();
        for gpid in gpids {
            if jumped {
                self.drive(at, gpid, Event::ClockJumped);
            }
            self.watch_log(at, gpid);
            self.drive(at, gpid, Event::Tick);
        }
        self.send_beacons(at);
        self.repeat_proposals(at);
        self.repeat_learns(at);
        self.continue_moves(at);
        if ticks.is_multiple_of(TICKS_OF_A_HEARTBEAT) {
            self.send_heartbeat(at);
        }
        self.queue.push(self.now + TICK, Happening::Tick { node: at, run });
    }

    /// A packet arrives at a node.
    pub(crate) fn node_hears(&mut self, at: usize, from: Address, body: Body) {
        match body {
            Body::Replication(envelope) => self.replication_arrives(at, envelope),
            Body::Beacon(beacon) => self.beacon_arrives(at, from, &beacon),
            Body::BeaconAnswer(answer) => self.beacon_answered(at, from, &answer),
            Body::LearnAsk { gpid, learner, primary, from, ballot } => {
                self.learn_asked(at, gpid, learner, primary, from, ballot);
            }
            Body::LearnGive { gpid, learner, ballot, given } => self.learn_given(at, gpid, learner, ballot, given),
            Body::Request { op, gpid, kind } => self.request_arrives(at, from, op, gpid, kind),
            Body::Install(config) => self.config_arrives(at, config),
            Body::Collect(orders) => self.collect(at, &orders),
            Body::Registered { process, configs } => self.registered(at, process, &configs),
            Body::Stranger(process) => self.stranger(at, process),
            Body::Changed { process, gpid, request, config, refused } => {
                self.change_answered(at, process, gpid, request, config, refused);
            }
            Body::Reply { .. } | Body::Heartbeat(_) | Body::Register(_) | Body::Change(_) => {}
        }
    }

    /// A node beacons those on which partitions that it leads have a copy.
    pub(crate) fn send_beacons(&mut self, at: usize) {
        for other in (0..self.nodes.len()).filter(|other| *other != at) {
            let Some(node) = self.nodes.get_mut(at) else { return };
            let roster = node.roster(PeerId(other as u64));
            let now = node.clock.now(self.now).mono;
            let (process, interval) = (node.process, self.options.beacon);
            let sender = node.senders.entry(other).or_insert_with(|| BeaconSender::new(process, interval));
            if let Some(beacon) = sender.tick(now, &roster) {
                self.send(Address::Node(at), Address::Node(other), Body::Beacon(beacon));
            }
        }
    }

    fn beacon_arrives(&mut self, at: usize, from: Address, beacon: &common::types::Beacon) {
        let Address::Node(sender) = from else { return };
        let Some(node) = self.nodes.get_mut(at) else { return };
        let now = node.clock.now(self.now).mono;
        let primary = PeerId(sender as u64);
        let (process, node_wide) = (node.process, self.faults.node_wide_leases);
        let (receivers, runtimes) = (&mut node.receivers, &mut node.runtimes);
        let receiver = receivers.entry(sender).or_default();
        let grants =
            |gpid, ballot| node_wide || runtimes.get(&gpid).is_some_and(|runtime| runtime.core.grants(primary, ballot));
        let (answer, granted) = receiver.receive(beacon, grants, process);
        for gpid in granted {
            // Kept beside a replica that hangs, and told to it before anything else (rule TAKE-OVER).
            if let Some(runtime) = runtimes.get_mut(&gpid) {
                runtime.granted = Some((primary, now));
            }
        }
        self.send(Address::Node(at), from, Body::BeaconAnswer(answer));
    }

    fn beacon_answered(&mut self, at: usize, from: Address, answer: &common::types::BeaconAnswer) {
        let Address::Node(other) = from else { return };
        let sender = self.nodes.get_mut(at).and_then(|node| node.senders.get_mut(&other));
        let granted = sender.map(|sender| sender.answered(answer)).unwrap_or_default();
        for (gpid, ballot, sent_at) in granted {
            self.drive(at, gpid, Event::LeaseGranted { by: PeerId(other as u64), ballot, sent_at });
        }
    }
}
