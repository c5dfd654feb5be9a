//! Tests of the whole state: a small world of nodes that report what they are told, without any protocol between them.

mod alarm;
mod guardian;
mod node_drain;
mod presence;
mod rebuild;
mod region;
mod requests;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use common::rpc::meta_node::{DiskReport, Heartbeat, Registration, ReplicaReport};
use common::rpc::node_admin::DiskStatus;
use common::types::{Ballot, ConfigChange, Decree, Gpid, Now, PartitionConfig, PeerId, ProcessId, ReplicaStatus, Time};
use uuid::Uuid;

use crate::policy::{GuardianOptions, Proposal, guardian};
use crate::{Ask, Cluster, Identity, Partition, Record, Requester, ValidatedTable, Verdict};

/// A cluster with nodes 0, 1, …; heartbeats of the nodes that are up arrive with every round.
pub(super) struct World {
    pub(super) cluster: Cluster,
    pub(super) now: Now,
    pub(super) down: BTreeSet<PeerId>,
    /// What nodes say instead of what their configuration would have them be.
    pub(super) says: BTreeMap<(PeerId, Gpid), Option<ReplicaReport>>,
    pub(super) disk: BTreeMap<PeerId, DiskStatus>,
    pub(super) draining: BTreeSet<PeerId>,
    /// Free bytes on a node's disk, where it is not 900.
    pub(super) available: BTreeMap<PeerId, u64>,
    pub(super) headroom_bytes: u64,
    /// Of every member's copy.
    pub(super) size_bytes: u64,
    pub(super) options: GuardianOptions,
    /// The meta server is restarted after every step of a procedure.
    pub(super) restarts: bool,
}

impl World {
    pub(super) fn new(nodes: u64) -> Self {
        let now = Now { mono: Time(1_000_000_000), wall_ms: 1_000_000 };
        let cluster = Cluster::new(Identity::new(Uuid::from_u128(1)), now.mono);
        let (down, draining, says, disk) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
        let options = GuardianOptions { replica_lost_delay: Duration::from_secs(30), ..GuardianOptions::default() };
        let (available, headroom_bytes, size_bytes) = (BTreeMap::new(), 0, 0);
        let mut world = Self {
            cluster,
            now,
            down,
            says,
            disk,
            draining,
            available,
            headroom_bytes,
            size_bytes,
            options,
            restarts: false,
        };
        (0..nodes).for_each(|n| world.register(n, 100 + u128::from(n), true));
        world.beat();
        world
    }

    pub(super) fn register(&mut self, node: u64, process: u128, sync_always: bool) {
        let (peer, records) = self.cluster.register(&registration(node, process, sync_always)).unwrap();
        assert_eq!(peer, PeerId(node));
        self.apply(records);
    }

    pub(super) fn lock(&mut self, gpid: Gpid, job: u128) {
        let record = self.cluster.lock(gpid, Uuid::from_u128(job), self.now).unwrap().unwrap();
        self.apply(vec![record]);
    }

    pub(super) fn apply(&mut self, records: Vec<Record>) {
        for record in records {
            self.cluster.apply(record, self.now.mono);
        }
    }

    pub(super) fn create(&mut self, name: &str, partitions: u32, replicas: u32) -> u32 {
        let request = ValidatedTable::new(name, partitions, replicas).unwrap();
        let id = creation(self.cluster.identity().next_table);
        let (procedure, records) = self.cluster.create_table(&request, id, self.options, self.now).unwrap();
        self.apply(records);
        procedure.work.table().unwrap().0
    }

    /// Drops a table; its procedure.
    pub(super) fn drop_table(&mut self, name: &str) -> Uuid {
        let id = Uuid::from_u128(6000);
        let (procedure, records) = self.cluster.drop_table(name, id, self.now).unwrap();
        self.apply(records);
        procedure.id
    }

    /// Every step that a procedure can take now; what is to be asked then.
    pub(super) fn go(&mut self, id: Uuid) -> Option<Ask> {
        for _ in 0..16 {
            let next = self.cluster.advance(self.cluster.procedure(id).unwrap(), self.now);
            if next.records.is_empty() {
                return next.ask;
            }
            self.apply(next.records);
            if self.restarts {
                self.restart();
            }
        }
        panic!("it goes round in circles: {:?}", self.cluster.procedure(id).unwrap().history)
    }

    /// The meta server forgets all but its records, and a second later the nodes report anew.
    pub(super) fn restart(&mut self) {
        let cluster = &self.cluster;
        let mut records = vec![Record::Identity(cluster.identity())];
        records.extend(cluster.nodes.values().cloned().map(Record::Node));
        records.extend(cluster.tables.values().cloned().map(Record::Table));
        records.extend(cluster.partitions.values().cloned().map(Record::Partition));
        records.extend(cluster.procedures.values().cloned().map(Record::from));
        self.cluster = Cluster::load(records, self.now.mono).unwrap();
        self.second();
    }

    /// Time passes, and who is up heartbeats.
    pub(super) fn second(&mut self) {
        self.pass(Duration::from_secs(1));
        self.beat();
    }

    pub(super) fn config(&self, gpid: Gpid) -> &PartitionConfig {
        self.cluster.config(gpid).unwrap()
    }

    pub(super) fn partition(&self, gpid: Gpid) -> Partition {
        self.cluster.partition(gpid).unwrap().clone()
    }

    pub(super) fn change(&mut self, from: u64, gpid: Gpid, change: &ConfigChange) {
        let ballot = self.config(gpid).ballot;
        let from = Requester::Peer(PeerId(from));
        let verdict = self.cluster.decide(from, gpid, ballot, change, self.now.wall_ms).unwrap();
        let Verdict::Install(next) = verdict else { panic!("{verdict:?}") };
        self.apply(vec![next.into()]);
    }

    fn report(&self, config: &PartitionConfig, peer: PeerId) -> Option<ReplicaReport> {
        let copy = config.copy_on(peer)?;
        let status = match () {
            () if config.primary == Some(copy) => ReplicaStatus::Primary,
            () if config.secondaries.contains(&copy) => ReplicaStatus::Secondary,
            () => ReplicaStatus::Learner,
        };
        let is_learner = status == ReplicaStatus::Learner;
        let size_bytes = if is_learner { 0 } else { self.size_bytes };
        Some(ReplicaReport { status, size_bytes, ballot: config.ballot, ..idle(config.gpid, copy.incarnation.0) })
    }

    pub(super) fn heartbeat(&self, node: u64) -> Heartbeat {
        let peer = PeerId(node);
        let says =
            |c: &PartitionConfig| self.says.get(&(peer, c.gpid)).copied().unwrap_or_else(|| self.report(c, peer));
        Heartbeat {
            peer,
            process: self.cluster.node(peer).unwrap().process,
            loaded: true,
            stopping: false,
            disks: vec![DiskReport {
                disk: "disk1".into(),
                status: self.disk.get(&peer).copied().unwrap_or(DiskStatus::Normal),
                capacity_bytes: 1000,
                available_bytes: self.available.get(&peer).copied().unwrap_or(900),
                draining: self.draining.contains(&peer),
            }],
            replicas: self.cluster.partitions.values().filter_map(|p| says(&p.config)).collect(),
            headroom_bytes: self.headroom_bytes,
            nodes_version: 0,
            jobs: Vec::new(),
        }
    }

    /// Every node that is up heartbeats.
    pub(super) fn beat(&mut self) {
        let up = self.cluster.nodes().map(|n| n.peer).filter(|p| !self.down.contains(p));
        for peer in up.collect::<Vec<_>>() {
            let heartbeat = self.heartbeat(peer.0);
            let records = self.cluster.consequences(&heartbeat);
            self.apply(records);
            self.cluster.heard(&heartbeat, self.now.mono);
        }
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now.mono = self.now.mono + time;
        self.now.wall_ms += u64::try_from(time.as_millis()).unwrap();
    }

    pub(super) fn proposals(&self) -> Vec<Proposal> {
        guardian(&self.cluster, self.options, self.now)
    }

    /// One second: heartbeats, the guardian's cures, primaries that promote what learned, and procedures of tables.
    pub(super) fn round(&mut self) {
        self.second();
        for proposal in self.proposals() {
            let next = self.cluster.accept(&proposal, self.now.wall_ms).expect("a proposal of now is accepted");
            self.apply(vec![next.into()]);
        }
        self.promote_learners();
        let of_tables = self.cluster.open_procedures().filter(|procedure| procedure.work.table().is_some());
        for id in of_tables.map(|procedure| procedure.id).collect::<Vec<_>>() {
            self.go(id);
        }
    }

    fn promote_learners(&mut self) {
        let configs: Vec<_> = self.cluster.live_partitions().map(|p| p.config.clone()).collect();
        for config in configs {
            let Some(primary) = config.primary.filter(|m| !self.down.contains(&m.peer)) else { continue };
            if let Some(learner) = config.learners.iter().find(|l| !self.down.contains(&l.peer)) {
                self.change(primary.peer.0, config.gpid, &ConfigChange::Promote { learner: *learner });
            }
        }
    }

    pub(super) fn rounds(&mut self, n: usize) {
        (0..n).for_each(|_| self.round());
    }

    pub(super) fn all_healthy(&self) -> bool {
        self.cluster.live_partitions().all(|p| p.config.is_healthy())
    }
}

pub(super) fn registration(node: u64, process: u128, sync_always: bool) -> Registration {
    Registration {
        address: format!("127.0.0.1:{}", 34801 + node),
        process: ProcessId(process),
        cluster: None,
        sync_always,
        resp: None,
    }
}

/// The procedure that creates a table.
pub(super) fn creation(table: u32) -> Uuid {
    Uuid::from_u128(5000 + u128::from(table))
}

/// A copy without a role.
pub(super) fn idle(gpid: Gpid, incarnation: u64) -> ReplicaReport {
    ReplicaReport {
        gpid,
        incarnation: common::types::Incarnation(incarnation),
        status: ReplicaStatus::Inactive,
        ballot: Ballot(0),
        prepared_ballot: Ballot(1),
        prepared: Decree(10),
        committed: Decree(10),
        clean: true,
        size_bytes: 0,
        learned_bytes: 0,
        learn_bytes: 0,
    }
}
