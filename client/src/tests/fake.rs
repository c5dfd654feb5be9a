//! Small servers in this process: a meta server with a route that tests set, and replica servers that do what a script says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use common::job::Job;
use common::procedure::{MigrateRegion, ProcedureFilter, ProcedureInfo};
use common::route;
use common::rpc::data::{DataError, DataOp, DataReply, DataRequest, DataService};
use common::rpc::disk_plan::{DiskPlans, PlanRequest};
use common::rpc::meta_admin::{
    AcceptedTable, ClusterInfo, Leader, Maintenance, MetaAdminService, NodeInfo, RecoverPlan, TableInfo, TableRoute,
};
use common::rpc::{Context, ErrorCode, Router, ServerOptions, Service, WireError, WireResult, bind, serve};
use common::shutdown::Stop;
use common::types::{Ballot, Gpid, Incarnation, Member, PartitionConfig, PeerId, SlotRange, TableId};
use parking_lot::Mutex;
use tokio::sync::Notify;
use uuid::Uuid;

type Script = Box<dyn FnMut(&DataRequest) -> Option<Result<DataReply, DataError>> + Send>;

/// A server that runs until it is dropped.
pub(crate) struct Running<H> {
    pub(crate) address: String,
    pub(crate) handler: H,
    stop: Stop,
}

impl<H> Running<H> {
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }
}

impl<H> Drop for Running<H> {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A replica server over a map of records.
#[derive(Clone, Default)]
pub(crate) struct FakeNode {
    pub(crate) records: Arc<Mutex<BTreeMap<Bytes, Bytes>>>,
    /// Answers instead of the map if it answers at all.
    pub(crate) script: Arc<Mutex<Option<Script>>>,
    /// Operations in each call received.
    pub(crate) calls: Arc<Mutex<Vec<usize>>>,
    /// Calls wait here while `held` is above 0.
    pub(crate) go: Arc<Notify>,
    pub(crate) held: Arc<AtomicUsize>,
}

impl FakeNode {
    pub(crate) fn script(
        &self,
        script: impl FnMut(&DataRequest) -> Option<Result<DataReply, DataError>> + Send + 'static,
    ) {
        *self.script.lock() = Some(Box::new(script));
    }

    pub(crate) async fn start(self) -> Running<Self> {
        let mut router = Router::new();
        route!(router, Service::Data, self.clone());
        start(router, self).await
    }

    fn one(&self, request: &DataRequest) -> Result<DataReply, DataError> {
        if let Some(answer) = self.script.lock().as_mut().and_then(|script| script(request)) {
            return answer;
        }
        let mut records = self.records.lock();
        Ok(match &request.op {
            DataOp::Get { key } => DataReply::Value(records.get(key).cloned()),
            DataOp::Put { key, payload, .. } => {
                records.insert(key.clone(), payload.clone());
                DataReply::Done
            }
            DataOp::Scan { start, end, limit } => {
                let inside = records.range(start.clone()..).take_while(|(k, _)| end.is_empty() || *k < end);
                let mut found: Vec<_> = inside.map(|(k, v)| (k.clone(), v.clone())).take(*limit as usize + 1).collect();
                let more = found.len() > *limit as usize;
                found.truncate(*limit as usize);
                DataReply::Records { records: found, more }
            }
            DataOp::Count { start, limit, .. } => {
                let found: Vec<_> =
                    records.range(start.clone()..).map(|(k, _)| k.clone()).take(*limit as usize).collect();
                let last = found.last().cloned().unwrap_or_default();
                DataReply::Count { count: found.len() as u64, more: found.len() == *limit as usize, last }
            }
            other => panic!("the fake does not know {other:?}"),
        })
    }
}

impl DataService for FakeNode {
    async fn execute(self, _: Context, requests: Vec<DataRequest>) -> Vec<Result<DataReply, DataError>> {
        self.calls.lock().push(requests.len());
        if self.held.load(Ordering::SeqCst) > 0 {
            self.go.notified().await;
        }
        requests.iter().map(|request| self.one(request)).collect()
    }
}

/// A meta server with one table.
#[derive(Clone, Default)]
pub(crate) struct FakeMeta {
    pub(crate) route: Arc<Mutex<Option<TableRoute>>>,
    pub(crate) asked: Arc<AtomicUsize>,
}

impl FakeMeta {
    pub(crate) async fn start(self) -> Running<Self> {
        let mut router = Router::new();
        route!(router, Service::MetaAdmin, self.clone());
        start(router, self).await
    }

    /// Sets the route: one partition per node, at this ballot.
    pub(crate) fn lead(&self, nodes: &[&str], ballot: u64) {
        *self.route.lock() = Some(table_route(nodes, ballot));
    }
}

fn table_route(nodes: &[&str], ballot: u64) -> TableRoute {
    let count = nodes.len() as u32;
    let config = |index: u32| PartitionConfig {
        gpid: Gpid::new(1, index),
        slots: SlotRange::at_creation(index, count),
        ballot: Ballot(ballot),
        replica_count: 1,
        primary: Some(Member { peer: PeerId(index.into()), incarnation: Incarnation(1) }),
        secondaries: Vec::new(),
        learners: Vec::new(),
        consented: false,
        appointed: None,
        next_incarnation: Incarnation(2),
        moving: None,
    };
    let table =
        TableInfo { table_id: TableId(1), name: "t".to_owned(), partitions: count, replicas: 1, healthy: count };
    TableRoute {
        table,
        configs: (0..count).map(|index| Arc::new(config(index))).collect(),
        nodes: nodes.iter().enumerate().map(|(i, address)| (PeerId(i as u64), (*address).to_owned())).collect(),
    }
}

fn unused<T>() -> WireResult<T> {
    Err(WireError::internal("the fake has no such method"))
}

impl MetaAdminService for FakeMeta {
    async fn route(self, _: Context, table: String) -> WireResult<TableRoute> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let route = self.route.lock().clone().filter(|_| table == "t");
        route.ok_or_else(|| WireError::new(ErrorCode::UnknownTable, format!("there is no table '{table}'"), "ls"))
    }

    async fn create_table(self, _: Context, _: String, _: u32, _: u32) -> WireResult<AcceptedTable> {
        unused()
    }

    async fn drop_table(self, _: Context, _: String) -> WireResult<AcceptedTable> {
        unused()
    }

    async fn tables(self, _: Context) -> WireResult<Vec<TableInfo>> {
        Ok(Vec::new())
    }

    async fn cluster(self, _: Context) -> WireResult<ClusterInfo> {
        unused()
    }

    async fn propose(self, _: Context, _: Gpid, _: PeerId) -> WireResult<()> {
        unused()
    }

    async fn recover(self, _: Context, _: Gpid, _: Vec<PeerId>, _: bool) -> WireResult<RecoverPlan> {
        unused()
    }

    async fn jobs(self, _: Context, _: Option<PeerId>) -> WireResult<Vec<Job>> {
        unused()
    }

    async fn migrate_region(self, _: Context, _: MigrateRegion) -> WireResult<ProcedureInfo> {
        unused()
    }

    async fn procedures(self, _: Context, _: ProcedureFilter) -> WireResult<Vec<ProcedureInfo>> {
        unused()
    }

    async fn procedure(self, _: Context, _: Uuid) -> WireResult<ProcedureInfo> {
        unused()
    }

    async fn cancel_procedure(self, _: Context, _: Uuid) -> WireResult<ProcedureInfo> {
        unused()
    }

    async fn set_maintenance(self, _: Context, _: bool) -> WireResult<Maintenance> {
        unused()
    }

    async fn maintenance(self, _: Context) -> WireResult<Maintenance> {
        unused()
    }

    async fn leader(self, _: Context) -> WireResult<Leader> {
        unused()
    }

    async fn drain_node(self, _: Context, _: PeerId, _: bool) -> WireResult<NodeInfo> {
        unused()
    }

    async fn plan_disks(self, _: Context, _: PlanRequest) -> WireResult<DiskPlans> {
        unused()
    }
}

async fn start<H>(router: Router, handler: H) -> Running<H> {
    let options = ServerOptions::default();
    let listener = bind("127.0.0.1:0", &options.security).await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap().to_string(), Stop::new());
    tokio::spawn(serve(listener, router, options, stop.clone()));
    Running { address, handler, stop }
}
