//! What a node tells the meta server of itself, and what it makes of the answers.

use std::sync::Arc;

use common::rpc::meta_node::{Heartbeat, ReplicaReport};
use common::types::{Ballot, Gpid, Incarnation, PartitionConfig, ProcessId, ReplicaStatus};
use pacifica::Health;
use replica_state::collect;
use replica_state::recover::DirKind;

use crate::disk::{DirChange, Then};
use crate::happening::{Address, Body};
use crate::log::Sync;
use crate::planted::Planted;
use crate::runtime::Runtime;
use crate::world::World;

fn report(gpid: Gpid, runtime: &Runtime, ballot: Ballot) -> ReplicaReport {
    let core = &runtime.core;
    ReplicaReport {
        gpid,
        incarnation: runtime.me.incarnation,
        status: if runtime.health == Health::Sick { ReplicaStatus::Error } else { core.status() },
        ballot,
        prepared_ballot: core.prepared_ballot(),
        prepared: core.prepared(),
        committed: core.committed(),
        clean: runtime.clean,
        size_bytes: 0,
        learned_bytes: 0,
        learn_bytes: 0,
    }
}

impl World {
    /// Registers, or reports.
    pub(crate) fn send_heartbeat(&mut self, at: usize) {
        let disks = self.disk_reports(at);
        let Some(node) = self.nodes.get(at) else { return };
        if !node.registered {
            return self.send(Address::Node(at), Address::Meta, Body::Register(node.process));
        }
        let durable = |runtime: &Runtime| {
            let dir = node.disks.get(runtime.disk).and_then(|disk| disk.dirs.get(&runtime.dir));
            dir.and_then(|dir| dir.info).map_or(Ballot(0), |info| info.ballot)
        };
        let replicas = node.runtimes.iter().map(|(gpid, runtime)| report(*gpid, runtime, durable(runtime)));
        let heartbeat = Heartbeat {
            peer: node.peer(),
            process: node.process,
            loaded: node.loaded,
            stopping: false,
            disks,
            replicas: replicas.collect(),
            headroom_bytes: 0,
            nodes_version: 0,
            jobs: Vec::new(),
        };
        self.send(Address::Node(at), Address::Meta, Body::Heartbeat(Box::new(heartbeat)));
    }

    /// The meta server knows this process.
    pub(crate) fn registered(&mut self, at: usize, process: ProcessId, configs: &[Arc<PartitionConfig>]) {
        let Some(node) = self.nodes.get_mut(at).filter(|node| node.process == process) else { return };
        node.registered = true;
        if node.at_start.is_none() {
            let known = |config: &Arc<PartitionConfig>| (config.gpid, (config.ballot, config.next_incarnation));
            node.at_start = Some(configs.iter().map(known).collect());
            if self.plan.sync == Sync::Never {
                self.recover_directories(at);
            }
        }
        self.send_heartbeat(at);
    }

    /// The meta server does not know this process.
    pub(crate) fn stranger(&mut self, at: usize, process: ProcessId) {
        if let Some(node) = self.nodes.get_mut(at).filter(|node| node.process == process) {
            node.registered = false;
        }
    }

    /// Orders to collect copies, possibly long overdue (rule COLLECT).
    pub(crate) fn collect(&mut self, at: usize, orders: &[(Gpid, Incarnation, Ballot)]) {
        for (gpid, incarnation, ballot) in orders {
            self.collect_one(at, *gpid, (*incarnation, *ballot));
        }
    }

    fn collect_one(&mut self, at: usize, gpid: Gpid, mut order: (Incarnation, Ballot)) {
        let blind = self.has(Planted::CollectWithoutIncarnation);
        let Some(runtime) = self.runtime(at, gpid) else { return };
        if blind {
            order = (runtime.me.incarnation, runtime.core.ballot());
        }
        let allowed = collect::allowed(runtime.core.status(), runtime.me.incarnation, runtime.core.ballot(), order);
        let (disk, dir) = (runtime.disk, runtime.dir);
        self.trace.say(self.now, || format!("node {at} {gpid}: order to collect {order:?}: {allowed:?}"));
        let moving = self.nodes.get(at).is_some_and(|node| node.moves.contains_key(&gpid));
        if allowed.is_ok() && !moving {
            if let Some(node) = self.nodes.get_mut(at) {
                node.runtimes.remove(&gpid);
                node.opening.insert(gpid);
            }
            self.start_file_op(at, disk, dir, DirChange::Rename(DirKind::Garbage), Then::Collected { gpid });
        }
    }
}
