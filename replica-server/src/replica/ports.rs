//! What a replica's task needs from the layers above and beside it, as traits that they implement.

use std::sync::Arc;

use common::rpc::WireResult;
use common::types::{Ballot, ConfigChange, Envelope, Gpid, PartitionConfig, PeerId};
use futures::future::BoxFuture;
use uuid::Uuid;

use crate::learn::LearnOrder;

/// What became of a proposed change; there is no "unknown": the port keeps asking (rule UNION).
pub(crate) enum Decided {
    /// The present configuration, of this change or of another.
    Config(Arc<PartitionConfig>),
    /// Refused for good; the ballot is unchanged.
    Refused,
}

/// The way to the meta server.
pub(crate) trait MetaPort: Send + Sync {
    /// Asks for a change by compare-and-set until its outcome is known, however long that takes.
    fn change(&self, gpid: Gpid, expected: Ballot, change: ConfigChange) -> BoxFuture<'static, Decided>;
    /// Configurations as they are now; goes on trying until a meta server answers.
    fn configs(&self, gpids: Vec<Gpid>) -> BoxFuture<'static, Vec<Arc<PartitionConfig>>>;
    /// The configurations that name a node.
    fn configs_of(&self, peer: PeerId) -> BoxFuture<'static, WireResult<Vec<Arc<PartitionConfig>>>>;
    /// Takes a partition's lock for a job (rule MOVES): `PARTITION_BUSY`, or an error that no meta server answers.
    fn lock(&self, gpid: Gpid, job: Uuid) -> BoxFuture<'static, WireResult<()>>;
    /// Gives it back.
    fn unlock(&self, gpid: Gpid, job: Uuid) -> BoxFuture<'static, WireResult<()>>;
    /// A replica changed its role or ballot: the meta server should hear of it at once.
    fn news(&self);
}

/// The way to other replica servers.
pub(crate) trait PeerPort: Send + Sync {
    /// Queues a message, in order with others to the same node; lost if the node is away or slow.
    fn send(&self, envelope: Envelope);
    /// The node's address, if it is known.
    fn address(&self, peer: PeerId) -> Option<String>;
}

/// The way to the learner's machinery.
pub(crate) trait LearnPort: Send + Sync {
    /// Begins to fetch what a replica lacks; a running fetch of the same replica is dropped.
    fn start(&self, order: LearnOrder);
    /// Stops fetching.
    fn stop(&self, gpid: Gpid);
}
