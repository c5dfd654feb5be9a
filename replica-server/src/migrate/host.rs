//! What a disk move needs of the rest of the node. Declared here, implemented by the layer above.

use std::time::Duration;

use common::job::LearnKind;
use common::rpc::WireResult;
use common::types::{Ballot, Decree, Gpid, Incarnation, Moving, MovingRequest, PeerId, ReplicaStatus};
use uuid::Uuid;

use crate::storage::Storage;

/// A replica that is open on this node, and what its configuration says.
#[derive(Clone, Debug)]
pub struct MovingReplica {
    /// Tag of its disk.
    pub disk: String,
    /// Which copy.
    pub incarnation: Incarnation,
    /// Its status.
    pub status: ReplicaStatus,
    /// Its data.
    pub storage: Storage,
    /// Members of the partition now.
    pub members: usize,
    /// Members that the table wants.
    pub replica_count: u32,
    /// Fewest members with which writes are accepted.
    pub min_replicas: usize,
}

impl MovingReplica {
    /// Whether it is the only replica that its table wants: it moves as primary, and its partition stops meanwhile.
    pub(super) const fn is_sole(&self) -> bool {
        self.replica_count == 1
    }

    /// Whether it has a role in which it can be copied.
    pub(super) const fn can_be_copied(&self) -> bool {
        match self.status {
            ReplicaStatus::Secondary => true,
            ReplicaStatus::Primary => self.is_sole(),
            ReplicaStatus::Learner | ReplicaStatus::Inactive | ReplicaStatus::Error => false,
        }
    }
}

/// A copy: where it stands and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyPlace {
    /// Which partition.
    pub gpid: Gpid,
    /// Tag of the disk on which its live directory stands.
    pub disk: String,
    /// What it must be; its `.replica-info` says the same.
    pub incarnation: Incarnation,
}

/// The rest of the node, as a disk move sees it.
///
/// **Every method may be called again after it failed, after it succeeded, and after a restart of the process; it then
/// answers as if it had done its work now.** Each has a deadline of its own and never waits for ever. Errors with the
/// code `Unreachable`, `Timeout`, `NotReady` or `OutcomeUnknown` are worth another try; others are final.
pub trait MoveHost: Send + Sync + 'static {
    /// This node.
    fn peer(&self) -> PeerId;

    /// The replica, if it is open.
    fn replica(&self, gpid: Gpid) -> impl Future<Output = Option<MovingReplica>> + Send;

    /// Whether the partition has all its copies without one on this node, by the meta server's word, and awaits none from
    /// it: then nobody takes this node's copy back in.
    fn is_replaced(&self, gpid: Gpid) -> impl Future<Output = WireResult<bool>> + Send;

    /// Locks the partition at the meta server for the job.
    fn lock(&self, gpid: Gpid, job: Uuid) -> impl Future<Output = WireResult<()>> + Send;

    /// Gives that lock back; harmless if it is not held.
    fn unlock(&self, gpid: Gpid, job: Uuid) -> impl Future<Output = WireResult<()>> + Send;

    /// Hands the primary over to a caught-up secondary. Ok once this replica is seen to be a secondary; at once if it
    /// is one.
    fn demote(&self, gpid: Gpid) -> impl Future<Output = WireResult<()>> + Send;

    /// Asks the primary to drop this replica for the move; the primary of a table of one replica drops itself. Ok once this node has *seen* the configuration without it:
    /// the `moving` record of this job, and the ballot that made it. At once if it is there already.
    ///
    /// An error means that the change is not known to be in force; it may still come. If a configuration says that the
    /// partition no longer has this replica and no `moving` of this job either, the code is `NotMember`.
    fn leave(&self, gpid: Gpid, request: MovingRequest) -> impl Future<Output = WireResult<(Moving, Ballot)>> + Send;

    /// Withdraws the wish to leave. What the primary was asked before may still come, until the partition is unlocked.
    fn stay(&self, gpid: Gpid);

    /// Stops the replica and closes its storage without flushing. Ok with its last applied decree once its directory
    /// is no longer used; `None` if it is not open.
    fn close(&self, gpid: Gpid) -> impl Future<Output = WireResult<Option<Decree>>> + Send;

    /// For a table of one replica, which nobody can learn from: re-appends the closed source's log records past `after`
    /// to the log of the target's disk, under the target's incarnation, durably. Ok with the last decree copied
    /// (`after` if there is none).
    ///
    /// Fails if a record past `after` is missing: nothing may be left out.
    fn copy_tail(
        &self,
        source: &CopyPlace,
        after: Decree,
        target: &CopyPlace,
    ) -> impl Future<Output = WireResult<Decree>> + Send;

    /// Opens a copy, inactive, under the incarnation of its `.replica-info`. Ok at once if exactly that copy is open.
    fn open(&self, copy: &CopyPlace) -> impl Future<Output = WireResult<()>> + Send;

    /// Asks the meta server to take the new copy in: as a learner, or as primary if it is the only one. Ok if it is a learner or a member already.
    fn rejoin(&self, gpid: Gpid, job: Uuid) -> impl Future<Output = WireResult<()>> + Send;

    /// Waits until the copy of that incarnation is a member. Says how it learned, if it had to.
    fn wait_member(
        &self,
        gpid: Gpid,
        incarnation: Incarnation,
        deadline: Duration,
    ) -> impl Future<Output = WireResult<Option<LearnKind>>> + Send;

    /// For a table of one replica: waits until its copy, primary again, serves.
    fn wait_serving(&self, gpid: Gpid) -> impl Future<Output = WireResult<()>> + Send;

    /// Ends the `moving` record of a job that will not bring a new copy, and tells the open replica of the outcome. Ok
    /// if there is none of this job. Says which copy of this node the configuration then names, if any: that of a
    /// table of one replica gets a fresh incarnation by this.
    fn end_move(&self, gpid: Gpid, job: Uuid) -> impl Future<Output = WireResult<Option<Incarnation>>> + Send;

    /// Asks that this replica become primary again. Ok once it is, or if it cannot be: it is no secondary.
    fn hand_back(&self, gpid: Gpid) -> impl Future<Output = WireResult<()>> + Send;
}
