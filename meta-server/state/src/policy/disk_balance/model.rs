//! What a plan is made from: the disks of a node, and what may be done with the replicas on them.

use common::rpc::disk_plan::StayCause;
use common::rpc::node_admin::DiskStatus;
use common::types::{Gpid, PeerId, ReplicaStatus};

/// The disks of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFacts {
    /// The node.
    pub node: PeerId,
    /// Its disks, in order of tag.
    pub disks: Vec<DiskFacts>,
    /// Bytes that must stay free on a target beyond the replica.
    pub headroom_bytes: u64,
    /// Limit of a copy in bytes per second unless its request says otherwise; 0: none.
    pub max_rate_bytes_per_s: u64,
}

/// A disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskFacts {
    /// Its tag.
    pub tag: String,
    /// Its status.
    pub status: DiskStatus,
    /// It is being emptied: nothing new is put there.
    pub draining: bool,
    /// The file system that it lies in; disks with the same number share its space.
    pub file_system: u64,
    /// Size of its file system, in bytes.
    pub capacity_bytes: u64,
    /// Free for Godwit, in bytes.
    pub available_bytes: u64,
    /// Bytes of directories that were set aside and go after their time, as the origins of moves.
    pub set_aside_bytes: u64,
    /// The replicas on it, in order of gpid.
    pub replicas: Vec<ReplicaFacts>,
}

/// A replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaFacts {
    /// Which partition.
    pub gpid: Gpid,
    /// Its bytes.
    pub size_bytes: u64,
    /// Its status.
    pub status: ReplicaStatus,
    /// Whether the configuration names exactly this copy as a member.
    pub is_member: bool,
    /// Members of its partition, in all.
    pub members: usize,
    /// The fewest with which the partition accepts writes.
    pub min_replicas: usize,
    /// Members that its table wants.
    pub replica_count: u32,
    /// A job has the partition for itself, on this node or another.
    pub busy: bool,
    /// The disk to which it is already on its way.
    pub moves_to: Option<String>,
}

/// What the operator allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlanOptions {
    /// The only replica of a table may move too.
    pub include_single: bool,
    /// Limit of each copy instead of the node's own.
    pub max_rate_bytes_per_s: Option<u64>,
}

/// Whether a replica may be moved.
pub type Right = Result<(), StayCause>;

impl DiskFacts {
    /// Whether new replicas may be put there.
    #[must_use]
    pub fn accepts(&self) -> bool {
        self.status == DiskStatus::Normal && !self.draining && self.capacity_bytes > 0
    }

    /// Bytes of its replicas.
    #[must_use]
    pub fn replica_bytes(&self) -> u64 {
        self.replicas.iter().map(|replica| replica.size_bytes).sum()
    }
}

impl ReplicaFacts {
    /// Whether it may be moved, or what is in the way.
    ///
    /// # Errors
    /// What is in the way.
    pub fn may_move(&self, options: PlanOptions) -> Right {
        let has_role = matches!(self.status, ReplicaStatus::Primary | ReplicaStatus::Secondary);
        match () {
            () if self.busy || self.moves_to.is_some() => Err(StayCause::Moves),
            () if !has_role || !self.is_member => Err(StayCause::NoMember),
            () if self.replica_count == 1 && options.include_single => Ok(()),
            () if self.replica_count == 1 => Err(StayCause::Single),
            () if self.members <= self.min_replicas => Err(StayCause::TooFewMembers),
            () => Ok(()),
        }
    }
}
