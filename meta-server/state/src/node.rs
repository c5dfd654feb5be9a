//! A replica server as the meta server keeps it, and what it last reported.

use std::collections::BTreeMap;
use std::time::Duration;

use common::rpc::meta_node::{DiskReport, Heartbeat, ReplicaReport};
use common::rpc::node_admin::DiskStatus;
use common::types::{Gpid, PeerId, ProcessId, Time};
use serde::{Deserialize, Serialize};

/// A node without a heartbeat for so long is not alive.
pub const DEAD_AFTER: Duration = Duration::from_secs(5);

/// What is durable of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its id.
    pub peer: PeerId,
    /// Where others reach it, `host:port`; never changes.
    pub address: String,
    /// The run that registered last. Requests of another are refused: a role that it had is over (rule ROLES).
    pub process: ProcessId,
    /// Every run that may have acknowledged a write for a copy still configured here fsynced first.
    pub sync_always: bool,
    /// Its copies are to leave it, and none comes to it.
    #[serde(default)]
    pub draining: bool,
    /// Where Redis clients reach its present run, `host:port`.
    #[serde(default)]
    pub resp: Option<String>,
}

/// What a node's present run reported; forgotten when the meta server restarts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vitals {
    /// When it was last heard of.
    pub seen: Time,
    /// All its replicas are loaded: what it does not report, it does not have.
    pub loaded: bool,
    /// It is told to stop.
    pub stopping: bool,
    /// Its disks.
    pub disks: Vec<DiskReport>,
    /// Bytes that must stay free on a disk beyond a copy that comes to it.
    pub headroom_bytes: u64,
    /// Its copies.
    pub replicas: BTreeMap<Gpid, ReplicaReport>,
}

impl Vitals {
    /// What a heartbeat says, heard at `now`.
    #[must_use]
    pub fn of(heartbeat: &Heartbeat, now: Time) -> Self {
        Self {
            seen: now,
            loaded: heartbeat.loaded,
            stopping: heartbeat.stopping,
            disks: heartbeat.disks.clone(),
            headroom_bytes: heartbeat.headroom_bytes,
            replicas: heartbeat.replicas.iter().map(|r| (r.gpid, *r)).collect(),
        }
    }

    /// Whether a disk takes new replicas.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.open_disks().next().is_some()
    }

    /// The disks that take new replicas.
    pub(crate) fn open_disks(&self) -> impl Iterator<Item = &DiskReport> {
        self.disks.iter().filter(|disk| takes_replicas(disk))
    }

    /// The largest free share among the disks that take new replicas, in thousandths.
    #[must_use]
    pub fn free_permille(&self) -> u64 {
        let share = |d: &DiskReport| d.available_bytes.saturating_mul(1000) / d.capacity_bytes.max(1);
        self.open_disks().map(share).max().unwrap_or(0)
    }

    /// Whether a disk is there that cannot be read: it could hold what is not reported (rule LAST COPY).
    #[must_use]
    pub fn misses_a_disk(&self) -> bool {
        self.disks.iter().any(|d| d.status == DiskStatus::IoError)
    }
}

fn takes_replicas(disk: &DiskReport) -> bool {
    disk.status == DiskStatus::Normal && !disk.draining
}
