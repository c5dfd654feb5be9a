//! The server in its own process memory, spoken to through real RPC over loopback by nodes that only play replica
//! servers: they report whatever their configurations say, and their primaries promote learners at once.

mod cluster;
mod http;
mod store_failures;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use common::clock::Clock;
use common::job::Job;
use common::rpc::garbage::{GarbageDir, GcRequest};
use common::rpc::meta_admin::MetaAdminServiceClient;
use common::rpc::meta_node::{
    ChangeOutcome, DiskReport, Heartbeat, HeartbeatReply, MetaNodeServiceClient, Registration, ReplicaReport,
};
use common::rpc::node_admin::{
    Digest, DiskInfo, DiskMigrate, DiskRemove, DiskStatus, JobName, NodeAdminService, NodeUsage, ScrubReport,
};
use common::rpc::rates::{CopyRates, RateChange};
use common::rpc::{
    Context, ErrorCode, Link, Router, Secret, Security, ServerOptions, Service, WireError, WireResult, bind, serve,
};
use common::shutdown::Stop;
use common::types::{
    Ballot, ConfigChange, Decree, Gpid, Incarnation, Member, PartitionConfig, PeerId, ProcessId, ReplicaStatus,
};
use meta_state::policy::GuardianOptions;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use uuid::Uuid;

use crate::store::MetaStore;
use crate::{MetaOptions, Running, start};

pub(crate) const DEADLINE: Duration = Duration::from_secs(5);

/// A meta server under test.
pub(crate) struct Meta {
    pub(crate) running: Option<Running>,
    pub(crate) stop: Stop,
    pub(crate) nodes: Link<MetaNodeServiceClient>,
    pub(crate) admin: Link<MetaAdminServiceClient>,
    pub(crate) http: std::net::SocketAddr,
}

impl Drop for Meta {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Meta {
    pub(crate) async fn start(store: Arc<dyn MetaStore>) -> Self {
        Self::start_with(store, None).await
    }

    pub(crate) fn options(store: Arc<dyn MetaStore>, admin_token: Option<Secret>, stop: Stop) -> MetaOptions {
        MetaOptions {
            store,
            listen: "127.0.0.1:0".into(),
            http: "127.0.0.1:0".into(),
            security: Security::default(),
            admin_token,
            guardian: GuardianOptions::default(),
            tick: Duration::from_millis(5),
            clock: Clock::System,
            stop,
        }
    }

    pub(crate) async fn start_with(store: Arc<dyn MetaStore>, admin_token: Option<Secret>) -> Self {
        let stop = Stop::new();
        let running = start(Self::options(store, admin_token, stop.clone())).await.unwrap();
        let address = running.rpc.to_string();
        Self {
            http: running.http,
            running: Some(running),
            stop,
            nodes: Link::new(address.clone(), Arc::default()),
            admin: Link::new(address, Arc::default()),
        }
    }

    /// The answer of the http port.
    pub(crate) async fn get(&self, path: &str) -> String {
        self.request("GET", path, "Host: meta\r\n").await
    }

    /// The answer of the http port to a request with these header lines.
    pub(crate) async fn request(&self, method: &str, path: &str, headers: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(self.http).await.unwrap();
        let request = format!("{method} {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    /// Stops it, and waits until its store is closed. A test with a store on disk ends with it: a RocksDB that is closed by
    /// another thread while the process exits brings it down.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        self.running.take().unwrap().ended().await;
    }
}

/// A node that plays a replica server.
#[derive(Clone)]
pub(crate) struct FakeNode {
    pub(crate) address: String,
    pub(crate) process: ProcessId,
    pub(crate) peer: PeerId,
    pub(crate) meta: Link<MetaNodeServiceClient>,
    pub(crate) configs: Arc<Mutex<BTreeMap<Gpid, Arc<PartitionConfig>>>>,
    _stop: Arc<StopOnDrop>,
}

/// Stops a node's server with its last clone.
struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

#[derive(Clone)]
struct Door {
    node: Arc<Mutex<Option<FakeNode>>>,
}

impl FakeNode {
    pub(crate) async fn start(meta: &Meta, process: u128) -> Self {
        let listener = bind("127.0.0.1:0", &Security::default()).await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap().to_string(), Stop::new());
        let door = Door { node: Arc::default() };
        let mut router = Router::new();
        common::route!(router, Service::NodeAdmin, door.clone());
        tokio::spawn(serve(listener, router, ServerOptions::default(), stop.clone()));
        let mut node = Self {
            address,
            process: ProcessId(process),
            peer: PeerId(0),
            meta: meta.nodes.clone(),
            configs: Arc::default(),
            _stop: Arc::new(StopOnDrop(stop)),
        };
        node.peer = node.register(None).await.unwrap();
        *door.node.lock() = Some(Self { _stop: Arc::new(StopOnDrop(Stop::new())), ..node.clone() });
        node
    }

    pub(crate) async fn register(&self, cluster: Option<Uuid>) -> WireResult<PeerId> {
        let (address, process) = (self.address.clone(), self.process);
        let registration = Registration { address, process, cluster, sync_always: true, resp: None };
        let call = |client: MetaNodeServiceClient, context| async move { client.register(context, registration).await };
        self.meta.ask(DEADLINE, call).await.map(|r| r.peer)
    }

    fn report(&self, config: &PartitionConfig) -> Option<ReplicaReport> {
        let copy = config.copy_on(self.peer)?;
        let status = if config.primary == Some(copy) {
            ReplicaStatus::Primary
        } else if config.secondaries.contains(&copy) {
            ReplicaStatus::Secondary
        } else {
            ReplicaStatus::Learner
        };
        Some(ReplicaReport {
            gpid: config.gpid,
            incarnation: copy.incarnation,
            status,
            ballot: config.ballot,
            prepared_ballot: config.ballot,
            prepared: Decree(0),
            committed: Decree(0),
            clean: true,
            size_bytes: 0,
            learned_bytes: 0,
            learn_bytes: 0,
        })
    }

    pub(crate) fn heartbeat(&self) -> Heartbeat {
        Heartbeat {
            peer: self.peer,
            process: self.process,
            loaded: true,
            stopping: false,
            disks: vec![DiskReport {
                disk: "disk1".into(),
                status: DiskStatus::Normal,
                capacity_bytes: 100,
                available_bytes: 90,
                draining: false,
            }],
            replicas: self.configs.lock().values().filter_map(|c| self.report(c)).collect(),
            headroom_bytes: 0,
            nodes_version: 0,
            jobs: Vec::new(),
        }
    }

    pub(crate) async fn send(&self, heartbeat: Heartbeat) -> WireResult<HeartbeatReply> {
        let call = |client: MetaNodeServiceClient, context| async move { client.heartbeat(context, heartbeat).await };
        self.meta.ask(DEADLINE, call).await
    }

    /// One heartbeat; what it brings is installed; primaries promote their learners.
    pub(crate) async fn beat(&self) {
        let reply = self.send(self.heartbeat()).await.unwrap();
        self.install(reply.configs);
        let configs: Vec<_> = self.configs.lock().values().cloned().collect();
        for config in configs {
            if let (true, Some(learner)) = (self.leads(&config), config.learners.first()) {
                self.change(&config, ConfigChange::Promote { learner: *learner }).await.unwrap();
            }
        }
    }

    fn leads(&self, config: &PartitionConfig) -> bool {
        config.primary.is_some_and(|p| p.peer == self.peer)
    }

    fn install(&self, configs: Vec<Arc<PartitionConfig>>) {
        let mut known = self.configs.lock();
        for config in configs {
            if known.get(&config.gpid).is_none_or(|old| old.ballot <= config.ballot) {
                known.insert(config.gpid, config);
            }
        }
    }

    pub(crate) async fn change(&self, config: &PartitionConfig, change: ConfigChange) -> WireResult<ChangeOutcome> {
        self.change_at(config.gpid, config.ballot, change).await
    }

    pub(crate) async fn change_at(
        &self,
        gpid: Gpid,
        expected: Ballot,
        change: ConfigChange,
    ) -> WireResult<ChangeOutcome> {
        let (from, process) = (self.peer, self.process);
        let call = |client: MetaNodeServiceClient, context| async move {
            client.change(context, from, process, gpid, expected, change).await
        };
        let outcome = self.meta.ask(DEADLINE, call).await?;
        if let ChangeOutcome::Installed(config) | ChangeOutcome::Superseded(config) = &outcome {
            self.install(vec![Arc::clone(config)]);
        }
        Ok(outcome)
    }
}

impl NodeAdminService for Door {
    async fn install(self, _: Context, configs: Vec<Arc<PartitionConfig>>) {
        if let Some(node) = self.node.lock().as_ref() {
            node.install(configs);
        }
    }

    async fn hand_over(self, _: Context, gpid: Gpid, to: Member) -> WireResult<()> {
        let node = self.node.lock().clone().unwrap();
        let config = node.configs.lock().get(&gpid).cloned().unwrap();
        node.change(&config, ConfigChange::HandOver { to }).await.map(|_| ())
    }

    async fn drop_member(self, _: Context, gpid: Gpid, member: Member) -> WireResult<()> {
        let node = self.node.lock().clone().unwrap();
        let config = node.configs.lock().get(&gpid).cloned().unwrap();
        node.change(&config, ConfigChange::Drop { member, moving: None }).await.map(|_| ())
    }

    async fn serving(self, _: Context, _: Gpid, _: Incarnation) -> WireResult<()> {
        Err(not_played())
    }

    async fn collect(self, _: Context, _: Gpid, _: Incarnation, _: Ballot) -> WireResult<()> {
        Err(not_played())
    }

    async fn disks(self, _: Context) -> WireResult<Vec<DiskInfo>> {
        Err(not_played())
    }

    async fn set_draining(self, _: Context, _: String, _: bool) -> WireResult<()> {
        Err(not_played())
    }

    async fn disk_usage(self, _: Context) -> WireResult<NodeUsage> {
        Err(not_played())
    }

    async fn disk_add(self, _: Context, _: String, _: String) -> WireResult<DiskInfo> {
        Err(not_played())
    }

    async fn disk_remove(self, _: Context, _: DiskRemove) -> WireResult<DiskInfo> {
        Err(not_played())
    }

    async fn disk_migrate(self, _: Context, _: DiskMigrate) -> WireResult<Job> {
        Err(not_played())
    }

    async fn jobs(self, _: Context) -> WireResult<Vec<Job>> {
        Err(not_played())
    }

    async fn disk_migrate_cancel(self, _: Context, _: JobName) -> WireResult<Job> {
        Err(not_played())
    }

    async fn disk_migrate_rate(self, _: Context, _: RateChange) -> WireResult<CopyRates> {
        Err(not_played())
    }

    async fn disk_gc(self, _: Context, _: GcRequest) -> WireResult<Vec<GarbageDir>> {
        Err(not_played())
    }

    async fn digest(self, _: Context, _: Gpid, _: Option<Decree>) -> WireResult<Digest> {
        Err(not_played())
    }

    async fn flush(self, _: Context, _: Gpid) -> WireResult<Decree> {
        Err(not_played())
    }

    async fn scrub(self, _: Context, _: Gpid) -> WireResult<ScrubReport> {
        Err(not_played())
    }
}

fn not_played() -> WireError {
    WireError::new(ErrorCode::NotServing, "this node only plays a replica server", "")
}
