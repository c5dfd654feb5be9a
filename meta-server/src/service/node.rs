//! Replica servers' door.

use std::sync::Arc;

use common::rpc::meta_node::{ChangeOutcome, Heartbeat, HeartbeatReply, MetaNodeService, Registered, Registration};
use common::rpc::{Context, WireResult};
use common::types::{Ballot, ConfigChange, Gpid, PartitionConfig, PeerId, ProcessId};
use meta_state::{Requester, Verdict};
use uuid::Uuid;

use crate::owner::{Handle, Owner};

#[derive(Clone, Debug)]
pub(crate) struct NodeDoor {
    pub(crate) owner: Handle,
}

impl MetaNodeService for NodeDoor {
    async fn register(self, _: Context, registration: Registration) -> WireResult<Registered> {
        self.owner.ask(move |owner| register(owner, &registration)).await
    }

    async fn heartbeat(self, _: Context, heartbeat: Heartbeat) -> WireResult<HeartbeatReply> {
        self.owner.ask(move |owner| hear(owner, &heartbeat)).await
    }

    async fn change(
        self,
        _: Context,
        from: PeerId,
        process: ProcessId,
        gpid: Gpid,
        expected: Ballot,
        change: ConfigChange,
    ) -> WireResult<ChangeOutcome> {
        let run = move |owner: &mut Owner| {
            owner.cluster().vet(from, process)?;
            change_partition(owner, from, gpid, expected, &change)
        };
        self.owner.ask(run).await
    }

    async fn configs(self, _: Context, gpids: Vec<Gpid>) -> WireResult<Vec<Arc<PartitionConfig>>> {
        let run =
            move |owner: &mut Owner| Ok(gpids.iter().filter_map(|g| owner.cluster().config(*g)).cloned().collect());
        self.owner.ask(run).await
    }

    async fn configs_of(self, _: Context, peer: PeerId) -> WireResult<Vec<Arc<PartitionConfig>>> {
        self.owner.ask(move |owner| Ok(owner.cluster().configs_of(peer))).await
    }

    async fn lock(self, _: Context, gpid: Gpid, job: Uuid) -> WireResult<()> {
        let run = move |owner: &mut Owner| {
            let record = owner.cluster().lock(gpid, job, owner.now())?;
            owner.commit(record.into_iter().collect())
        };
        self.owner.ask(run).await
    }

    async fn unlock(self, _: Context, gpid: Gpid, job: Uuid) -> WireResult<()> {
        let run = move |owner: &mut Owner| {
            let record = owner.cluster().unlock(gpid, job)?;
            owner.commit(record.into_iter().collect())
        };
        self.owner.ask(run).await
    }
}

fn register(owner: &mut Owner, registration: &Registration) -> WireResult<Registered> {
    let (peer, records) = owner.cluster().register(registration)?;
    if !records.is_empty() {
        tracing::info!(%peer, address = registration.address, process = %registration.process, "node registers");
    }
    owner.commit(records)?;
    Ok(Registered { cluster: owner.cluster().identity().cluster, peer })
}

fn hear(owner: &mut Owner, heartbeat: &Heartbeat) -> WireResult<HeartbeatReply> {
    owner.cluster().vet_heartbeat(heartbeat)?;
    let records = owner.cluster().consequences(heartbeat);
    owner.commit(records)?;
    let now = owner.now().mono;
    owner.cluster_mut().heard(heartbeat, now);
    Ok(owner.cluster().reply(heartbeat))
}

fn change_partition(
    owner: &mut Owner,
    from: PeerId,
    gpid: Gpid,
    expected: Ballot,
    change: &ConfigChange,
) -> WireResult<ChangeOutcome> {
    let wall_ms = owner.now().wall_ms;
    match owner.cluster().decide(Requester::Peer(from), gpid, expected, change, wall_ms)? {
        Verdict::Install(next) => {
            let config = Arc::clone(&next.config);
            owner.commit(vec![next.into()])?;
            owner.metrics().changes.inc();
            tracing::info!(%gpid, ballot = %config.ballot, %from, ?change, "configuration changed");
            Ok(ChangeOutcome::Installed(config))
        }
        Verdict::Installed(config) => Ok(ChangeOutcome::Installed(config)),
        Verdict::Superseded(config) => {
            owner.metrics().changes_refused.inc();
            Ok(ChangeOutcome::Superseded(config))
        }
        Verdict::Refused(config, refusal) => {
            owner.metrics().changes_refused.inc();
            tracing::info!(%gpid, ballot = %config.ballot, %from, ?change, %refusal, "change refused");
            Ok(ChangeOutcome::Refused(config, refusal.into()))
        }
        Verdict::Freeze(frozen) => {
            tracing::error!(%gpid, ballot = %frozen.config.ballot, reported = %expected, "partition frozen (rule META)");
            owner.commit(vec![frozen.into()])?;
            // Frozen now: this answers so.
            change_partition(owner, from, gpid, expected, change)
        }
    }
}
