//! Clients' and operators' door.

use std::sync::Arc;
use std::time::Duration;

use common::job::Job;
use common::procedure::{MigrateRegion, ProcedureFilter, ProcedureInfo};
use common::rpc::disk_plan::{DiskPlans, PlanRequest};
use common::rpc::meta_admin::{
    AcceptedTable, ClusterInfo, Leader, Maintenance, MetaAdminService, NodeInfo, RecoverPlan, TableInfo, TableRoute,
};
use common::rpc::{Context, ErrorCode, WireError, WireResult};
use common::types::{Gpid, Member, PeerId};
use meta_state::ValidatedTable;
use uuid::Uuid;

use super::plan;
use crate::owner::{Handle, Owner};
use crate::procedures;
use crate::push::NodeLinks;

/// The primary's node answers a request to hand over within this.
const ASK_MAX: Duration = Duration::from_secs(4);
/// The hand-over itself is waited for so long.
const HAND_OVER_MAX: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
pub(crate) struct AdminDoor {
    pub(crate) owner: Handle,
    pub(crate) links: Arc<NodeLinks>,
    pub(crate) leader: Leader,
}

impl MetaAdminService for AdminDoor {
    async fn route(self, _: Context, table: String) -> WireResult<TableRoute> {
        self.owner.ask(move |owner| owner.cluster().route(&table)).await
    }

    async fn create_table(self, _: Context, name: String, partitions: u32, replicas: u32) -> WireResult<AcceptedTable> {
        procedures::create_table(&self.owner, ValidatedTable::new(&name, partitions, replicas)?).await
    }

    async fn drop_table(self, _: Context, name: String) -> WireResult<AcceptedTable> {
        procedures::drop_table(&self.owner, name).await
    }

    async fn tables(self, _: Context) -> WireResult<Vec<TableInfo>> {
        self.owner.ask(|owner| Ok(owner.cluster().table_infos())).await
    }

    async fn cluster(self, _: Context) -> WireResult<ClusterInfo> {
        self.owner.ask(|owner| Ok(owner.info())).await
    }

    async fn propose(self, _: Context, gpid: Gpid, primary: PeerId) -> WireResult<()> {
        let asked = self.owner.ask(move |owner| owner.cluster().whom_to_ask(gpid, primary)).await?;
        let Some((address, to)) = asked else { return Ok(()) };
        let link = self.links.get(&address);
        link.ask(ASK_MAX, |client, context| async move { client.hand_over(context, gpid, to).await }).await?;
        self.await_primary(gpid, to).await
    }

    async fn recover(self, _: Context, gpid: Gpid, dead: Vec<PeerId>, confirmed: bool) -> WireResult<RecoverPlan> {
        self.owner.ask(move |owner| recover(owner, gpid, &dead, confirmed)).await
    }

    async fn jobs(self, _: Context, node: Option<PeerId>) -> WireResult<Vec<Job>> {
        self.owner.ask(move |owner| owner.cluster().jobs(node, owner.now())).await
    }

    async fn migrate_region(self, _: Context, request: MigrateRegion) -> WireResult<ProcedureInfo> {
        procedures::migrate_region(&self.owner, request).await
    }

    async fn procedures(self, _: Context, filter: ProcedureFilter) -> WireResult<Vec<ProcedureInfo>> {
        procedures::list(&self.owner, filter).await
    }

    async fn procedure(self, _: Context, id: Uuid) -> WireResult<ProcedureInfo> {
        procedures::one(&self.owner, id).await
    }

    async fn cancel_procedure(self, _: Context, id: Uuid) -> WireResult<ProcedureInfo> {
        procedures::cancel(&self.owner, id).await
    }

    async fn set_maintenance(self, _: Context, on: bool) -> WireResult<Maintenance> {
        super::set_maintenance(&self.owner, on).await
    }

    async fn maintenance(self, _: Context) -> WireResult<Maintenance> {
        super::maintenance(&self.owner).await
    }

    async fn leader(self, _: Context) -> WireResult<Leader> {
        Ok(self.leader)
    }

    async fn drain_node(self, _: Context, node: PeerId, draining: bool) -> WireResult<NodeInfo> {
        self.owner.ask(move |owner| drain_node(owner, node, draining)).await
    }

    async fn plan_disks(self, _: Context, request: PlanRequest) -> WireResult<DiskPlans> {
        plan::plan(&self.owner, &self.links, request).await
    }
}

impl AdminDoor {
    async fn await_primary(&self, gpid: Gpid, to: Member) -> WireResult<()> {
        let mut changes = self.owner.changes();
        let arrived = async {
            loop {
                changes.mark_unchanged();
                let leads =
                    move |owner: &mut Owner| Ok(owner.cluster().config(gpid).and_then(|c| c.primary) == Some(to));
                if self.owner.ask(leads).await? || changes.changed().await.is_err() {
                    return Ok(());
                }
            }
        };
        tokio::time::timeout(HAND_OVER_MAX, arrived).await.unwrap_or_else(|_| {
            Err(WireError::new(
                ErrorCode::Timeout,
                format!("the primary of {gpid} was asked and has not handed over within {HAND_OVER_MAX:?}"),
                "it does so once the other has caught up: look again with admin-cli app <table> -d",
            ))
        })
    }
}

fn drain_node(owner: &mut Owner, peer: PeerId, draining: bool) -> WireResult<NodeInfo> {
    let (options, now) = (owner.guardian_options(), owner.now().mono);
    let record = owner.cluster().drain_node(peer, draining, options, now)?;
    if record.is_some() {
        tracing::info!(%peer, draining, "an operator drains a node, or ends that");
    }
    owner.commit(record.into_iter().collect())?;
    owner.cluster().one_node(peer, options, now).ok_or_else(|| WireError::internal("the node is not in the state"))
}

fn recover(owner: &mut Owner, gpid: Gpid, dead: &[PeerId], confirmed: bool) -> WireResult<RecoverPlan> {
    let mut decision = owner.cluster().recover(gpid, dead, owner.now().mono)?;
    if let Some(partition) = decision.partition.take_if(|_| confirmed) {
        tracing::warn!(%gpid, ballot = %partition.config.ballot, plan = ?decision.plan, "an operator recovers a partition");
        owner.commit(vec![partition.into()])?;
        decision.plan.done = true;
    }
    Ok(decision.plan)
}
