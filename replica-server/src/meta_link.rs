//! The way to the meta server: registration, heartbeats, and changes asked for until their outcome is known.
//!
//! Nothing here is on the path of a read or a write: while every meta server is away, only reconfiguration waits.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::job::Job;
use common::rpc::meta_node::{ChangeOutcome, DiskReport, Heartbeat, MetaNodeServiceClient, Registered, Registration};
use common::rpc::{Context, ErrorCode, Link, LinkOptions, RpcError, WireError, WireResult};
use common::shutdown::Stop;
use common::types::{Ballot, ConfigChange, Gpid, PartitionConfig, PeerId, ProcessId};
use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::migrate::Migrator;
use crate::replica::host::Host;
use crate::replica::{Decided, MetaPort, Node};

/// How long one call may take.
const CALL: Duration = Duration::from_secs(3);
/// Pauses between tries of a change: doubled from the first to the second.
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// Between heartbeats; news is reported at once.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Links to the meta servers of the cluster; the one that answered last is asked first. Clones share it.
#[derive(Clone)]
pub(crate) struct MetaLink(Arc<Inner>);

struct Inner {
    links: Vec<Link<MetaNodeServiceClient>>,
    current: AtomicUsize,
    identity: Mutex<(PeerId, ProcessId)>,
    news: Notify,
}

impl MetaLink {
    pub(crate) fn new(addresses: &[String], process: ProcessId, options: &Arc<LinkOptions>) -> Self {
        let links = addresses.iter().map(|address| Link::new(address.clone(), Arc::clone(options))).collect();
        let identity = Mutex::new((PeerId(0), process));
        Self(Arc::new(Inner { links, current: AtomicUsize::new(0), identity, news: Notify::new() }))
    }

    /// Asks the meta servers in turn until one answers or all have failed once.
    async fn ask<T, F>(&self, call: impl Fn(MetaNodeServiceClient, Context) -> F) -> WireResult<T>
    where
        F: Future<Output = Result<WireResult<T>, RpcError>>,
    {
        let first = self.0.current.load(Ordering::Relaxed);
        let mut last = WireError::new(ErrorCode::InvalidArgument, "no meta server is configured", "set --meta");
        for index in (first..first + self.0.links.len()).map(|index| index % self.0.links.len()) {
            let Some(link) = self.0.links.get(index) else { continue };
            match link.call(CALL, &call).await {
                Ok(answer) => {
                    self.0.current.store(index, Ordering::Relaxed);
                    return answer;
                }
                Err(error) => last = error.into(),
            }
        }
        Err(last)
    }

    /// Registers this process, and goes on trying until a meta server answers or refuses for good.
    ///
    /// # Errors
    /// The refusal, for example of disks of another cluster.
    pub(crate) async fn register(&self, registration: Registration) -> WireResult<Registered> {
        let mut pause = PAUSE_MIN;
        loop {
            let offer = registration.clone();
            match self
                .ask(|client, context| {
                    let offer = offer.clone();
                    async move { client.register(context, offer).await }
                })
                .await
            {
                Ok(registered) => {
                    self.0.identity.lock().0 = registered.peer;
                    return Ok(registered);
                }
                Err(error) if is_passing(error.code) => tracing::warn!(%error, "not registered yet"),
                Err(error) => return Err(error),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Heartbeats until told to stop, and follows what is answered.
    pub(crate) async fn run(self, node: Arc<Node>, migrator: Arc<Migrator<Host>>, stop: Stop) {
        let (mut nodes_version, mut told_ms) = (0, 0);
        loop {
            let now_ms = node.clock.wall_ms();
            let jobs = migrator.jobs().into_iter().filter(|job| job.updated_at_ms >= told_ms).collect();
            let heartbeat = report(&node, nodes_version, migrator.options().headroom_bytes, jobs, stop.is_cancelled());
            let sent = self.ask(|client, context| {
                let heartbeat = heartbeat.clone();
                async move { client.heartbeat(context, heartbeat).await }
            });
            match sent.await {
                Ok(reply) => {
                    nodes_version = reply.nodes_version;
                    told_ms = now_ms;
                    if let Some(nodes) = &reply.nodes {
                        node.peers.update(nodes);
                    }
                    node.install(reply.configs);
                    for (gpid, incarnation, ballot) in reply.collect {
                        tokio::spawn(collect(Arc::clone(&node), gpid, (incarnation, ballot)));
                    }
                }
                Err(error) => tracing::warn!(%error, "the meta server did not take the heartbeat"),
            }
            tokio::select! {
                () = tokio::time::sleep(HEARTBEAT) => {}
                // News that comes in a burst shares a heartbeat.
                () = self.0.news.notified() => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }
}

async fn collect(node: Arc<Node>, gpid: Gpid, order: (common::types::Incarnation, Ballot)) {
    if let Err(error) = node.collect(gpid, order).await {
        tracing::info!(%gpid, %error, "an order to collect was not obeyed");
    }
}

fn report(node: &Node, nodes_version: u64, headroom_bytes: u64, jobs: Vec<Job>, stopping: bool) -> Heartbeat {
    let disks = node.disks.figures().into_iter().map(|disk| DiskReport {
        disk: disk.tag,
        status: disk.status,
        capacity_bytes: disk.capacity_bytes,
        available_bytes: disk.available_bytes,
        draining: disk.draining,
    });
    Heartbeat {
        peer: node.peer,
        process: node.process,
        loaded: node.is_loaded(),
        stopping,
        disks: disks.collect(),
        headroom_bytes,
        replicas: node.registry.all().iter().map(|replica| replica.report()).collect(),
        nodes_version,
        jobs,
    }
}

/// Whether asking again may help.
fn is_passing(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::Unreachable | ErrorCode::Timeout | ErrorCode::NotReady | ErrorCode::Busy | ErrorCode::ShuttingDown
    )
}

impl MetaPort for MetaLink {
    fn news(&self) {
        self.0.news.notify_one();
    }

    fn configs(&self, gpids: Vec<Gpid>) -> BoxFuture<'static, Vec<Arc<PartitionConfig>>> {
        let link = self.clone();
        async move {
            loop {
                let asked = link.ask(|client, context| {
                    let gpids = gpids.clone();
                    async move { client.configs(context, gpids).await }
                });
                match asked.await {
                    Ok(configs) => return configs,
                    Err(error) => tracing::warn!(%error, "configurations are not known yet"),
                }
                tokio::time::sleep(PAUSE_MAX).await;
            }
        }
        .boxed()
    }

    fn configs_of(&self, peer: PeerId) -> BoxFuture<'static, WireResult<Vec<Arc<PartitionConfig>>>> {
        let link = self.clone();
        async move { link.ask(|client, context| async move { client.configs_of(context, peer).await }).await }.boxed()
    }

    fn lock(&self, gpid: Gpid, job: Uuid) -> BoxFuture<'static, WireResult<()>> {
        let link = self.clone();
        async move { link.ask(|client, context| async move { client.lock(context, gpid, job).await }).await }.boxed()
    }

    fn unlock(&self, gpid: Gpid, job: Uuid) -> BoxFuture<'static, WireResult<()>> {
        let link = self.clone();
        async move { link.ask(|client, context| async move { client.unlock(context, gpid, job).await }).await }.boxed()
    }

    fn change(&self, gpid: Gpid, expected: Ballot, change: ConfigChange) -> BoxFuture<'static, Decided> {
        let link = self.clone();
        async move {
            let mut pause = PAUSE_MIN;
            loop {
                let (peer, process) = *link.0.identity.lock();
                let asked = link.ask(|client, context| {
                    let change = change.clone();
                    async move { client.change(context, peer, process, gpid, expected, change).await }
                });
                match asked.await {
                    Ok(ChangeOutcome::Installed(config) | ChangeOutcome::Superseded(config)) => {
                        return Decided::Config(config);
                    }
                    Ok(ChangeOutcome::Refused(_, error)) => {
                        tracing::info!(%gpid, ?change, %error, "a change was refused");
                        return Decided::Refused;
                    }
                    Err(error) if error.code == ErrorCode::UnknownPartition => return Decided::Refused,
                    // Not an outcome: the change may be in force, or come into force later (rule UNION).
                    Err(error) => tracing::debug!(%gpid, %error, "a change is asked for again"),
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
        .boxed()
    }
}
