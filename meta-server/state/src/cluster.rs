//! The whole state of the meta server: what is durable, changed by [`Cluster::apply`] alone, and what nodes report.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use common::job::Job;
use common::rpc::meta_node::Heartbeat;
use common::types::{Ballot, Gpid, Member, PartitionConfig, PeerId, ReplicaStatus, TableId, Time};

use crate::invariants::check_config;
use crate::node::{DEAD_AFTER, Node, Vitals};
use crate::pace::Pace;
use crate::partition::Partition;
use crate::presence::{Distrust, Presences};
use crate::procedure::{Procedure, ProcedureKey};
use crate::record::{Identity, JobKey, Record};
use crate::table::{Table, TableStatus};

/// The state. Pure: handed records and heartbeats, asked for decisions.
#[derive(Clone, Debug)]
pub struct Cluster {
    pub(crate) identity: Identity,
    pub(crate) tables: BTreeMap<TableId, Table>,
    pub(crate) nodes: BTreeMap<PeerId, Node>,
    pub(crate) partitions: BTreeMap<Gpid, Partition>,
    pub(crate) jobs: BTreeMap<JobKey, Job>,
    pub(crate) procedures: BTreeMap<ProcedureKey, Procedure>,
    pub(crate) vitals: BTreeMap<PeerId, Vitals>,
    pub(crate) paces: BTreeMap<Gpid, Pace>,
    pub(crate) presences: Presences,
    pub(crate) started: Time,
}

impl Cluster {
    /// A cluster without tables and nodes, at the start of the meta server's process.
    #[must_use]
    pub fn new(identity: Identity, started: Time) -> Self {
        Self {
            identity,
            tables: BTreeMap::new(),
            nodes: BTreeMap::new(),
            partitions: BTreeMap::new(),
            jobs: BTreeMap::new(),
            procedures: BTreeMap::new(),
            vitals: BTreeMap::new(),
            paces: BTreeMap::new(),
            presences: Presences::default(),
            started,
        }
    }

    /// What was stored, in any order; `None` if the cluster's identity is not among it.
    #[must_use]
    pub fn load(records: Vec<Record>, started: Time) -> Option<Self> {
        let identity = records.iter().find_map(|r| if let Record::Identity(i) = r { Some(*i) } else { None })?;
        let mut cluster = Self::new(identity, started);
        for record in records {
            cluster.apply(record, started);
        }
        // Nobody was heard of yet: a process that registers next may be the first since long ago.
        cluster.presences = Presences::default();
        Some(cluster)
    }

    /// Takes over what heartbeats told an earlier instance of this state: used when the store was read again.
    pub fn keep_reports_of(&mut self, earlier: Self) {
        let process = |nodes: &BTreeMap<PeerId, Node>, peer| nodes.get(&peer).map(|n| n.process);
        let same_run = |peer: PeerId| process(&self.nodes, peer) == process(&earlier.nodes, peer);
        let restarted: Vec<PeerId> = self.nodes.keys().copied().filter(|peer| !same_run(*peer)).collect();
        self.vitals = earlier.vitals.into_iter().filter(|(peer, _)| !restarted.contains(peer)).collect();
        self.presences = earlier.presences;
        restarted.into_iter().for_each(|peer| self.presences.registered(peer, self.started));
        for (gpid, pace) in &mut self.paces {
            earlier.paces.get(gpid).into_iter().for_each(|earlier| pace.recall(earlier));
        }
        self.started = earlier.started;
    }

    /// Puts a stored record in force.
    ///
    /// # Panics
    /// If an invariant is broken: a fault of this program.
    pub fn apply(&mut self, record: Record, now: Time) {
        match record {
            Record::Identity(identity) => self.identity = identity,
            Record::Table(table) => {
                self.tables.insert(table.id, table);
            }
            Record::Node(node) => self.apply_node(node, now),
            Record::Partition(partition) => self.apply_partition(partition, now),
            Record::Job(job) => {
                self.jobs.insert(JobKey::of(&job), *job);
            }
            Record::JobGone(key) => {
                self.jobs.remove(&key);
            }
            Record::Procedure(procedure) => {
                self.procedures.insert(procedure.key(), *procedure);
            }
            Record::ProcedureGone(key) => {
                self.procedures.remove(&key);
            }
        }
    }

    fn apply_node(&mut self, node: Node, now: Time) {
        let old = self.nodes.insert(node.peer, node.clone());
        if old.is_none_or(|old| old.process != node.process) {
            // What an earlier run reported says nothing of this one: its roles are over (rule ROLES).
            self.vitals.remove(&node.peer);
            self.presences.registered(node.peer, now);
        }
    }

    fn apply_partition(&mut self, partition: Partition, now: Time) {
        let config = Arc::clone(&partition.config);
        check_config(&config);
        let pace = self.paces.entry(config.gpid).or_insert_with(|| Pace::new(now));
        if let Some(old) = self.partitions.insert(config.gpid, partition) {
            assert!(config.ballot >= old.config.ballot, "{}: the stored ballot falls", config.gpid);
            assert!(
                config.next_incarnation >= old.config.next_incarnation,
                "{}: the stored incarnation counter falls",
                config.gpid
            );
            pace.changes(&old.config, &config, now);
        }
        pace.judge(&config, now);
    }

    /// Notes a heartbeat of the registered run; the caller has vetted it.
    pub fn heard(&mut self, heartbeat: &Heartbeat, now: Time) {
        let before = self.vitals.get(&heartbeat.peer).map(|vitals| vitals.seen);
        self.presences.heard(heartbeat.peer, before, now);
        self.note_primaries(heartbeat, now);
        self.vitals.insert(heartbeat.peer, Vitals::of(heartbeat, now));
        for job in &heartbeat.jobs {
            // Progress alone is not worth an fsync; a change of state came as a record before.
            if let Some(known) = self.jobs.get_mut(&JobKey::of(job)) {
                known.clone_from(job);
            }
        }
    }

    fn note_primaries(&mut self, heartbeat: &Heartbeat, now: Time) {
        for report in heartbeat.replicas.iter().filter(|report| report.status == ReplicaStatus::Primary) {
            let copy = Member { peer: heartbeat.peer, incarnation: report.incarnation };
            let leads = self.partitions.get(&report.gpid).is_some_and(|p| p.config.primary == Some(copy));
            if let Some(pace) = self.paces.get_mut(&report.gpid).filter(|_| leads) {
                pace.led = now;
            }
        }
    }

    /// Why a node that comes and goes is not trusted with new copies for now; `None`: it is.
    #[must_use]
    pub fn distrust(&self, peer: PeerId, steady_after: Duration, now: Time) -> Option<Distrust> {
        self.presences.distrust(peer, steady_after, self.is_alive(peer, now), now)
    }

    /// The cluster's id and counters.
    #[must_use]
    pub const fn identity(&self) -> Identity {
        self.identity
    }

    /// A node's durable part.
    #[must_use]
    pub fn node(&self, peer: PeerId) -> Option<&Node> {
        self.nodes.get(&peer)
    }

    /// All nodes, in order of peer id.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    /// A partition.
    #[must_use]
    pub fn partition(&self, gpid: Gpid) -> Option<&Partition> {
        self.partitions.get(&gpid)
    }

    /// All partitions of live tables, in order.
    pub fn live_partitions(&self) -> impl Iterator<Item = &Partition> {
        self.partitions.values().filter(|p| self.is_live(p.config.gpid.table_id))
    }

    /// The partitions of one table, in order of index.
    pub fn partitions_of(&self, table: TableId) -> impl Iterator<Item = &Partition> {
        let first = Gpid { table_id: table, partition_index: 0 };
        let last = Gpid { table_id: table, partition_index: u32::MAX };
        self.partitions.range(first..=last).map(|(_, p)| p)
    }

    /// A partition's configuration.
    #[must_use]
    pub fn config(&self, gpid: Gpid) -> Option<&Arc<PartitionConfig>> {
        self.partitions.get(&gpid).map(|p| &p.config)
    }

    /// Whether the table is there and was not dropped.
    #[must_use]
    pub fn is_live(&self, table: TableId) -> bool {
        self.tables.get(&table).is_some_and(|t| t.status == TableStatus::Live)
    }

    /// Whether the node heartbeats.
    #[must_use]
    pub fn is_alive(&self, peer: PeerId, now: Time) -> bool {
        self.vitals.get(&peer).is_some_and(|v| now.since(v.seen) < DEAD_AFTER)
    }

    /// The name that a table has or had.
    #[must_use]
    pub fn table_name(&self, table: TableId) -> &str {
        self.tables.get(&table).map_or("?", |t| t.name.as_str())
    }

    /// How long the node has been silent, counted from this process' start if it was never heard of.
    #[must_use]
    pub fn silent_for(&self, peer: PeerId, now: Time) -> Duration {
        now.since(self.vitals.get(&peer).map_or(self.started, |v| v.seen))
    }

    /// What a live node reported.
    #[must_use]
    pub fn vitals(&self, peer: PeerId, now: Time) -> Option<&Vitals> {
        self.vitals.get(&peer).filter(|v| now.since(v.seen) < DEAD_AFTER)
    }

    pub(crate) fn pace(&self, gpid: Gpid) -> Pace {
        self.paces.get(&gpid).copied().unwrap_or(Pace::new(self.started))
    }

    /// The highest ballot stored for a partition, 0 if it is unknown.
    #[must_use]
    pub fn ballot(&self, gpid: Gpid) -> Ballot {
        self.config(gpid).map_or(Ballot(0), |c| c.ballot)
    }
}
