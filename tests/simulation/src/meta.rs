//! The meta server: the real state, the real decisions and the real guardian; modelled are its store and its absences.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use common::rpc::meta_node::{DiskReport, Heartbeat, Registration};
use common::rpc::node_admin::DiskStatus;
use common::types::{Gpid, Now, PartitionConfig, PeerId, Time};
use meta_state::policy::{GuardianOptions, guardian};
use meta_state::{Cluster, Identity, Record, Requester, ValidatedTable, Verdict};
use uuid::Uuid;

use crate::happening::{Address, Body, ChangeRequest, Happening};
use crate::log::Sync;
use crate::plan::Plan;
use crate::world::World;

/// Between two rounds of the guardian, in microseconds of true time.
const TICK: u64 = 100_000;
/// The meta server's patience is in seconds; its clock runs so much faster, as the rest of the simulation does.
const HASTE: u64 = 4;

/// The meta server.
#[derive(Debug)]
pub(crate) struct Meta {
    pub(crate) cluster: Cluster,
    /// What its store holds, by what it is about.
    stored: BTreeMap<Stored, Record>,
    pub(crate) up: bool,
    table_made: bool,
    wanted: (u32, u32),
    sync_always: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stored {
    Identity,
    Table(u32),
    Node(PeerId),
    Partition(Gpid),
}

fn about(record: &Record) -> Option<Stored> {
    match record {
        Record::Identity(_) => Some(Stored::Identity),
        Record::Table(table) => Some(Stored::Table(table.id.0)),
        Record::Node(node) => Some(Stored::Node(node.peer)),
        Record::Partition(partition) => Some(Stored::Partition(partition.config.gpid)),
        Record::Job(_) | Record::JobGone(_) | Record::Procedure(_) | Record::ProcedureGone(_) => None,
    }
}

impl Meta {
    pub(crate) fn new(plan: &Plan) -> Self {
        let identity = Identity::new(Uuid::from_u128(1));
        Self {
            cluster: Cluster::new(identity, Time(0)),
            stored: BTreeMap::from([(Stored::Identity, Record::Identity(identity))]),
            up: true,
            table_made: false,
            wanted: (plan.partitions, plan.replica_count),
            sync_always: plan.sync == Sync::Always,
        }
    }

    /// The present configuration, which only the meta server knows for certain.
    pub(crate) fn config(&self, gpid: Gpid) -> Option<&Arc<PartitionConfig>> {
        self.cluster.config(gpid)
    }

    pub(crate) fn now(&self, truth: u64) -> Now {
        Now { mono: Time(1 + truth * HASTE), wall_ms: 1_700_000_005_000 + truth / 1000 }
    }

    /// Stores, then puts in force.
    fn store(&mut self, record: Record, now: Now) {
        if let Some(key) = about(&record) {
            self.stored.insert(key, record.clone());
        }
        self.cluster.apply(record, now.mono);
    }
}

/// Impatient, and whoever comes back is trusted, since everybody comes and goes here.
fn options() -> GuardianOptions {
    let (replica_lost_delay, node_steady_after) = (Duration::from_secs(12), Duration::ZERO);
    GuardianOptions { replica_lost_delay, node_steady_after, ..GuardianOptions::default() }
}

impl World {
    /// The meta server's timer.
    pub(crate) fn meta_tick(&mut self) {
        self.queue.push(self.now + TICK, Happening::MetaTick);
        if !self.meta.up {
            return;
        }
        self.make_table();
        let now = self.meta.now(self.now);
        let options = options();
        for proposal in guardian(&self.meta.cluster, options, now) {
            if let Some(next) = self.meta.cluster.accept(&proposal, now.wall_ms) {
                self.trace.say(self.now, || format!("meta: guardian {:?}", proposal.cure));
                self.install(next.into());
            }
        }
    }

    fn make_table(&mut self) {
        if self.meta.table_made {
            return;
        }
        let now = self.meta.now(self.now);
        let (partitions, replicas) = self.meta.wanted;
        // Partition counts are powers of two; a world with three uses three of four.
        let Ok(request) = ValidatedTable::new("t", partitions.next_power_of_two(), replicas) else { return };
        if self.meta.cluster.nodes().count() < self.nodes.len() {
            return;
        }
        let id = Uuid::from_u128(2);
        if let Ok((_, records)) = self.meta.cluster.create_table(&request, id, options(), now) {
            self.meta.table_made = true;
            for record in records {
                let spare = match &record {
                    Record::Partition(partition) => partition.config.gpid.partition_index >= partitions,
                    // It watches, and changes nothing; here the checks watch.
                    Record::Procedure(_) => true,
                    Record::Identity(_)
                    | Record::Table(_)
                    | Record::Node(_)
                    | Record::Job(_)
                    | Record::JobGone(_)
                    | Record::ProcedureGone(_) => false,
                };
                if !spare {
                    self.install(record);
                }
            }
        }
    }

    /// Stores a record; a configuration is pushed to everybody whom it concerns, and to whom it concerned.
    pub(crate) fn install(&mut self, record: Record) {
        let config = if let Record::Partition(partition) = &record { Some(partition.config.clone()) } else { None };
        let before = config.as_ref().and_then(|config| self.meta.config(config.gpid)).cloned();
        let now = self.meta.now(self.now);
        self.meta.store(record, now);
        let Some(config) = config else { return };
        if before.as_ref() == Some(&config) {
            return;
        }
        self.trace.mark((4, config.gpid, config.ballot, config.primary));
        self.trace.say(self.now, || format!("meta: {}", crate::words::config(&config)));
        self.check_configured(config.gpid);
        let concerned = config.copies().chain(before.iter().flat_map(|c| c.copies())).map(|member| member.peer);
        let concerned: std::collections::BTreeSet<PeerId> = concerned.collect();
        for peer in concerned {
            let to = usize::try_from(peer.0).unwrap_or_default();
            self.send(Address::Meta, Address::Node(to), Body::Install(config.clone()));
        }
    }

    /// A packet arrives at the meta server.
    pub(crate) fn meta_hears(&mut self, from: Address, body: Body) {
        if !self.meta.up {
            return;
        }
        match body {
            Body::Register(process) => self.register(from, process),
            Body::Heartbeat(heartbeat) => self.heartbeat_arrives(from, &heartbeat),
            Body::Change(request) => self.change_asked(from, &request),
            Body::Replication(_)
            | Body::Beacon(_)
            | Body::BeaconAnswer(_)
            | Body::LearnAsk { .. }
            | Body::LearnGive { .. }
            | Body::Request { .. }
            | Body::Reply { .. }
            | Body::Registered { .. }
            | Body::Stranger(_)
            | Body::Install(_)
            | Body::Collect(_)
            | Body::Changed { .. } => {}
        }
    }

    /// A process registers; the address stands for the node.
    pub(crate) fn register(&mut self, from: Address, process: common::types::ProcessId) {
        let Address::Node(node) = from else { return };
        let address = format!("node:{}", 1000 + node);
        let registration =
            Registration { address, process, cluster: None, sync_always: self.meta.sync_always, resp: None };
        let Ok((_, records)) = self.meta.cluster.register(&registration) else { return };
        for record in records {
            self.install(record);
        }
        let configs = self.meta.cluster.live_partitions().map(|partition| partition.config.clone()).collect();
        self.send(Address::Meta, from, Body::Registered { process, configs });
    }

    fn heartbeat_arrives(&mut self, from: Address, heartbeat: &Heartbeat) {
        let now = self.meta.now(self.now);
        if self.meta.cluster.vet_heartbeat(heartbeat).is_err() {
            return self.send(Address::Meta, from, Body::Stranger(heartbeat.process));
        }
        for record in self.meta.cluster.consequences(heartbeat) {
            if let Record::Partition(partition) = &record {
                let seen = format!("{}: a copy reports {:?}", partition.config.gpid, partition.frozen);
                self.violated("no ballot is known that was never given", seen);
            }
            self.install(record);
        }
        self.meta.cluster.heard(heartbeat, now.mono);
        let reply = self.meta.cluster.reply(heartbeat);
        if !reply.collect.is_empty() {
            let extra = rand::Rng::random_range(&mut self.rng, 0..=self.plan.collect_delay);
            self.send_late(Address::Meta, from, Body::Collect(reply.collect), extra);
        }
        for config in reply.configs {
            self.send(Address::Meta, from, Body::Install(config));
        }
    }

    fn change_asked(&mut self, from: Address, asked: &ChangeRequest) {
        let now = self.meta.now(self.now);
        if self.meta.cluster.vet(asked.peer, asked.process).is_err() {
            return self.send(Address::Meta, from, Body::Stranger(asked.process));
        }
        let requester = Requester::Peer(asked.peer);
        let verdict = self.meta.cluster.decide(requester, asked.gpid, asked.expected, &asked.change, now.wall_ms);
        let (config, refused) = match verdict {
            Ok(Verdict::Install(next)) => {
                let config = next.config.clone();
                self.trace.say(self.now, || format!("meta: node {} gets {:?}", asked.peer, asked.change));
                self.install(next.into());
                (config, false)
            }
            Ok(Verdict::Installed(config) | Verdict::Superseded(config)) => (config, false),
            Ok(Verdict::Refused(config, why)) => {
                self.trace.say(self.now, || format!("meta: refuses node {} {:?}: {why}", asked.peer, asked.change));
                (config, true)
            }
            Ok(Verdict::Freeze(partition)) => {
                let seen = format!("{}: node {} expects {:?}", asked.gpid, asked.peer, partition.frozen);
                return self.violated("no ballot is known that was never given", seen);
            }
            Err(_) => return,
        };
        let (process, gpid, request) = (asked.process, asked.gpid, asked.request);
        self.send(Address::Meta, from, Body::Changed { process, gpid, request, config, refused });
    }

    /// The meta server's process ends; what it stored stays.
    pub(crate) fn stop_meta(&mut self, back_at: u64) {
        self.meta.up = false;
        self.trace.say(self.now, || "meta: stops".to_owned());
        self.queue.push(back_at, Happening::MetaReturns);
    }

    /// It comes back and knows what it stored.
    pub(crate) fn meta_returns(&mut self) {
        if self.meta.up {
            return;
        }
        self.trace.say(self.now, || "meta: starts".to_owned());
        let records = self.meta.stored.values().cloned().collect();
        let started = self.meta.now(self.now).mono;
        if let Some(cluster) = Cluster::load(records, started) {
            self.meta.cluster = cluster;
            self.meta.up = true;
        }
    }

    /// What a node reports about its disks: room everywhere, or a disk that is missing.
    pub(crate) fn disk_reports(&self, at: usize) -> Vec<DiskReport> {
        let Some(node) = self.nodes.get(at) else { return Vec::new() };
        let report = |(index, disk): (usize, &crate::disk::Disk)| {
            let status = match (disk.present, disk.full) {
                (false, _) => DiskStatus::IoError,
                (true, true) => DiskStatus::SpaceInsufficient,
                (true, false) => DiskStatus::Normal,
            };
            let available_bytes = if disk.full { 0 } else { 500 };
            DiskReport {
                disk: format!("disk{}", index + 1),
                status,
                capacity_bytes: 1000,
                available_bytes,
                draining: false,
            }
        };
        node.disks.iter().enumerate().map(report).collect()
    }
}
