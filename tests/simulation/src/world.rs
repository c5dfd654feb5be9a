//! The world: true time, the queue of what is due, and everything that things happen to.

use std::sync::Arc;

use common::types::{Gpid, ProcessId};
use pacifica::{Faults, Options};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::check::Violation;
use crate::check::committed::Committed;
use crate::client::{Client, Keys};
use crate::happening::{Address, Body, Happening, Packet};
use crate::history::History;
use crate::meta::Meta;
use crate::network::Network;
use crate::node::Node;
use crate::plan::Plan;
use crate::planted::{self, Planted};
use crate::queue::Queue;
use crate::run::Settings;
use crate::trace::Trace;

/// The whole of a run.
pub(crate) struct World {
    /// True time in microseconds, which nobody in the world knows.
    pub(crate) now: u64,
    pub(crate) queue: Queue,
    pub(crate) rng: ChaCha8Rng,
    pub(crate) plan: Plan,
    pub(crate) planted: Option<Planted>,
    pub(crate) faults: Faults,
    pub(crate) options: Arc<Options>,
    pub(crate) network: Network,
    pub(crate) nodes: Vec<Node>,
    pub(crate) meta: Meta,
    pub(crate) clients: Vec<Client>,
    pub(crate) keys: Keys,
    pub(crate) values: u64,
    pub(crate) serials: u64,
    pub(crate) history: History,
    pub(crate) committed: Committed,
    pub(crate) trace: Trace,
    pub(crate) violation: Option<Violation>,
    /// Faults have ended: no new ones begin.
    pub(crate) calm: bool,
    /// Actions still to come.
    pub(crate) actions_left: u32,
}

impl World {
    /// A world as the seed wants it, at rest.
    pub(crate) fn new(settings: &Settings) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
        let plan = match settings.history {
            None => Plan::draw(&mut rng),
            Some(history) => history.plan(&mut rng),
        };
        let (planted, lines) = (settings.planted, settings.lines.clone());
        let mut world = Self {
            now: 0,
            queue: Queue::default(),
            network: Network::new(plan.quality),
            nodes: Node::of_plan(&mut rng, &plan, planted),
            meta: Meta::new(&plan),
            clients: (0..plan.clients).map(|_| Client::default()).collect(),
            rng,
            plan,
            planted,
            faults: Planted::core(planted),
            options: Arc::new(planted::options()),
            keys: Keys::default(),
            values: 0,
            serials: 0,
            history: History::default(),
            committed: Committed::default(),
            trace: Trace::new(lines),
            violation: None,
            calm: false,
            actions_left: settings.events,
        };
        world.trace.say(0, || format!("{:?}", world.plan));
        world.queue.push(0, Happening::MetaTick);
        for node in 0..world.nodes.len() {
            // In order, so that a node's index is its peer id.
            world.register(Address::Node(node), ProcessId(0));
        }
        for node in 0..world.nodes.len() {
            world.start_node(node, None);
        }
        world
    }

    /// Whether this planted fault is in.
    pub(crate) fn has(&self, planted: Planted) -> bool {
        self.planted == Some(planted)
    }

    /// Lets the next thing happen; false if nothing is due or a rule was broken.
    pub(crate) fn step(&mut self) -> bool {
        if self.violation.is_some() {
            return false;
        }
        let Some((at, what)) = self.queue.pop() else { return false };
        assert!(at >= self.now, "time runs forward");
        self.now = at;
        let Some(what) = self.hold_if_paused(what) else { return true };
        if self.is_alive(&what) {
            self.happen(what);
        }
        self.violation.is_none()
    }

    /// Lets things happen until this true time.
    pub(crate) fn run_until(&mut self, until: u64) {
        self.queue.push(until, Happening::NetworkCalms { disturbance: 0 });
        while self.now < until && self.step() {}
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Action => self.act(),
            Happening::Deliver(packet) => self.deliver(*packet),
            Happening::Tick { node, .. } => self.tick(node),
            Happening::GroupDone { node, disk, .. } => self.group_done(node, disk),
            Happening::FileDone { node, op, .. } => self.file_done(node, op),
            Happening::ReadGoesOn { node, read, .. } => self.read_goes_on(node, read),
            Happening::Unhang { node, gpid, .. } => self.unhang(node, gpid),
            Happening::Start { node, absent } => self.start_node(node, absent),
            Happening::Resume { node } => self.resume(node),
            Happening::Restart { node } => self.restart(node),
            Happening::ClientTimeout { client, op } => self.client_gives_up(client, op),
            Happening::MetaTick => self.meta_tick(),
            Happening::MetaReturns => self.meta_returns(),
            Happening::NetworkCalms { disturbance } => self.network.calm(disturbance),
            Happening::DiskHasRoom { node, disk } => self.disk_has_room(node, disk),
        }
    }

    fn deliver(&mut self, packet: Packet) {
        let Packet { from, to, body } = packet;
        match to {
            Address::Node(node) => self.node_hears(node, from, body),
            Address::Meta => self.meta_hears(from, body),
            Address::Client(client) => {
                if let Body::Reply { op, reply } = body {
                    self.client_hears(client, op, reply);
                }
            }
        }
    }

    /// Puts a packet on the wire.
    pub(crate) fn send(&mut self, from: Address, to: Address, body: Body) {
        self.send_late(from, to, body, 0);
    }

    /// Puts a packet on the wire that takes longer than others.
    pub(crate) fn send_late(&mut self, from: Address, to: Address, body: Body, extra: u64) {
        let [first, second] = self.network.arrivals(&mut self.rng, from, to, body.is_replication());
        if let Some(way) = second {
            let packet = Packet { from, to, body: body.clone() };
            self.queue.push(self.now + extra + way, Happening::Deliver(Box::new(packet)));
        }
        if let Some(way) = first {
            self.queue.push(self.now + extra + way, Happening::Deliver(Box::new(Packet { from, to, body })));
        }
    }

    /// Notes that a rule was broken; the first one counts.
    pub(crate) fn violated(&mut self, check: &'static str, seen: String) {
        self.trace.say(self.now, || format!("VIOLATION of '{check}': {seen}"));
        self.violation.get_or_insert(Violation { check, seen });
    }

    /// A number that was never used.
    pub(crate) fn serial(&mut self) -> u64 {
        self.serials += 1;
        self.serials
    }

    pub(crate) fn random_gpid(&mut self) -> Gpid {
        Gpid::new(1, self.rng.random_range(0..self.plan.partitions))
    }

    /// Stops a process until then, or lets it go on then.
    pub(crate) fn pause_until(&mut self, node: usize, until: u64) {
        if let Some(stopped) = self.nodes.get_mut(node).filter(|node| node.up) {
            stopped.paused_until = until;
            self.queue.push(until, Happening::Resume { node });
        }
    }

    /// A stopped process does nothing; what is due waits for it.
    fn hold_if_paused(&mut self, what: Happening) -> Option<Happening> {
        let now = self.now;
        let Some((node, _)) = what.process() else { return Some(what) };
        match self.nodes.get_mut(node).filter(|node| node.paused_until > now) {
            Some(node) => node.held.push(what),
            None => return Some(what),
        }
        None
    }

    /// The threads of a process that goes on run in any order; one that serves reads may be the first.
    fn resume(&mut self, node: usize) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(node).filter(|node| node.paused_until <= now) else { return };
        for what in std::mem::take(&mut node.held) {
            let serves = matches!(&what, Happening::ReadGoesOn { .. }) || what.is_request();
            let late = if serves { 0 } else { self.rng.random_range(0..1_000) };
            self.queue.push(now + late, what);
        }
    }

    /// What was meant for a process that is gone is gone with it.
    fn is_alive(&self, what: &Happening) -> bool {
        let Some((node, run)) = what.process() else { return true };
        self.nodes.get(node).is_some_and(|node| node.up && run.is_none_or(|run| run == node.run))
    }
}
