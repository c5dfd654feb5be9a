//! The process put together: disks, registration, recovery, logs, replicas, doors; and its orderly end.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use common::clock::Clock;
use common::fs::Throttle;
use common::metrics::Metrics;
use common::pool::Pool;
use common::rpc::meta_node::{Registered, Registration};
use common::rpc::{self, LinkOptions, Secret, Security, ServerOptions};
use common::shutdown::{self, Stop};
use common::types::{Ballot, Gpid, PeerId, ProcessId};
use futures::future::join_all;
use tokio::net::TcpListener;

use crate::disk::{DataDir, DiskManager, DiskOptions, Recovered, SpaceLimits, layout};
use crate::http::{self, Door, MoveCollector, NodeCollector};
use crate::log::{DiskLog, LogOptions};
use crate::meta_link::MetaLink;
use crate::migrate::{Limits, MigrateOptions, Migrator};
use crate::open_files;
use crate::replica::host::Host;
use crate::replica::{
    Beacons, Logs, MetaPort as _, Meters, Node, OpenLog, Parts, Peers, Place, blocking, configured_on,
};
use crate::resp::{self, Atlas};
use crate::settings::Settings;
use crate::storage::Engine;

/// Threads that read and write for learners, so that other blocking work does not wait behind checkpoints.
const LEARN_THREADS: usize = 2;
/// The last handing over of primaries may take so long.
const HAND_OVER: Duration = Duration::from_secs(5);
/// Between two looks at how fast copies and clients are.
const PACE: Duration = Duration::from_secs(1);
/// How long disk moves get to notice that the process stops.
const MOVES_STOP: Duration = Duration::from_secs(2);
const WINDOW: &str = "Moves between disks: from CLOSED to COMPLETED";

/// Runs a replica server until it is told to stop.
///
/// # Errors
/// Whatever keeps it from starting, in words that say what to do.
pub fn run(settings: Settings) -> anyhow::Result<()> {
    settings.protocol().validate()?;
    open_files::raise_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(settings.threads.max(1) as usize)
        .thread_name("runtime")
        .enable_all()
        .build()?;
    let served = runtime.block_on(Server { settings, clock: Clock::System }.serve());
    // Blocking work that is still under way (a long scan, a scrub) does not hold the process up.
    runtime.shutdown_timeout(Duration::from_secs(1));
    served
}

struct Server {
    settings: Settings,
    clock: Clock,
}

impl Server {
    async fn serve(self) -> anyhow::Result<()> {
        let stop = shutdown::on_signal()?;
        let security = self.security()?;
        let rpc_door = rpc::bind(&self.settings.listen, &security).await?;
        let http_door = rpc::bind(&self.settings.http, &security).await?;
        let redis_door = self.bind_redis(&security).await?;
        let (metrics, known) = (Metrics::new(), Arc::new(OnceLock::new()));
        tokio::spawn(http::serve(
            http_door,
            Door { node: Arc::clone(&known), metrics: metrics.clone(), stop: stop.clone() },
        ));

        let disks = self.open_disks().await?;
        let process = ProcessId(uuid::Uuid::new_v4().as_u128());
        let links = Arc::new(LinkOptions { secret: security.secret.clone(), ..LinkOptions::default() });
        let meta = MetaLink::new(&self.settings.meta, process, &links);
        let Some(registered) = self.register(&meta, &disks, process, &stop).await? else { return Ok(()) };

        let (recovered, ballots) = self.recover(&meta, &disks, registered.peer).await;
        let peers = Arc::new(Peers::new(registered.peer, process, links));
        let limits = self.copy_limits().await?;
        let copies = limits.throttle().clone();
        let node = self.node((registered, process), &disks, peers, &meta, &metrics, copies).await?;
        metrics.register_collector(Box::new(NodeCollector(Arc::clone(&node))));
        node.waiting.lock().extend(&recovered.waiting);
        *node.spent.lock() = ballots;
        let migrator = self.migrator(&node, limits).await?;
        metrics.register("migrate_window_seconds", WINDOW, migrator.meters().window.clone());
        metrics.register_collector(Box::new(MoveCollector::new(&node, &migrator)));
        let _ = known.set(Arc::clone(&node));

        let options = ServerOptions { security, ..ServerOptions::default() };
        let doors = tokio::spawn(rpc::serve(rpc_door, crate::service::router(&node, &migrator), options, Stop::new()));
        tracing::info!(peer = %node.peer, listen = self.settings.listen, "replica server ready");
        self.background(&node, &migrator, &meta, &stop);
        self.serve_redis(redis_door, &node, &metrics, &stop)?;
        let found = recovered.open.into_iter().map(|copy| (Place { disk: copy.disk, dir: copy.dir }, copy.info));
        node.load(found.collect()).await;
        migrator.resume();
        meta.news();
        stop.cancelled().await;
        migrator.stop();
        leave(&node, &meta).await;
        // They ask nobody any more; one that a disk holds up is left to its fate, as in a crash.
        let _ = tokio::time::timeout(MOVES_STOP, migrator.stopped()).await;
        doors.abort();
        Ok(())
    }

    fn security(&self) -> anyhow::Result<Security> {
        let secret = self.settings.secret_file.as_ref().map(|file| Secret::read(file.as_ref())).transpose()?;
        Ok(Security { secret, insecure: self.settings.insecure })
    }

    /// A password stands in for the cluster's secret, which Redis clients do not know.
    async fn bind_redis(&self, security: &Security) -> anyhow::Result<Option<TcpListener>> {
        let Some(options) = self.settings.redis()? else { return Ok(None) };
        let has_password = !options.password.is_empty();
        let security = Security { secret: None, insecure: security.insecure || has_password };
        let bound = rpc::bind(&self.settings.resp.listen, &security).await;
        bound.map(Some).context("Redis clients cannot be served: see resp.listen and resp.requirepass")
    }

    fn serve_redis(
        &self,
        door: Option<TcpListener>,
        node: &Arc<Node>,
        metrics: &Metrics,
        stop: &Stop,
    ) -> anyhow::Result<()> {
        let (Some(listener), Some(options)) = (door, self.settings.redis()?) else { return Ok(()) };
        let secret = self.security()?.secret;
        let (table, clock) = (options.table.clone(), node.clock.clone());
        let atlas = Arc::new(Atlas::new(node.peer, table, &self.settings.meta, secret, clock));
        let door = Arc::new(resp::Door::new(Arc::clone(node), Arc::clone(&atlas), &options, metrics));
        tokio::spawn(atlas.run(stop.clone()));
        tokio::spawn(resp::serve(listener, door, stop.clone()));
        Ok(())
    }

    async fn open_disks(&self) -> anyhow::Result<Arc<DiskManager>> {
        let disks = self.settings.disks()?;
        let limits =
            SpaceLimits { low_percent: self.settings.disk.low_percent, low_bytes: self.settings.disk.low_bytes.0 };
        let home = self.settings.home().context("set data_dirs")?;
        let options = DiskOptions { disks, home, limits, lives: self.settings.lives() };
        Ok(Arc::new(blocking(move || DiskManager::open(&options)).await?))
    }

    /// `None` if told to stop before a meta server answered.
    async fn register(
        &self,
        meta: &MetaLink,
        disks: &Arc<DiskManager>,
        process: ProcessId,
        stop: &Stop,
    ) -> anyhow::Result<Option<Registered>> {
        let registration = Registration {
            address: self.settings.listen.clone(),
            process,
            cluster: disks.cluster(),
            sync_always: self.settings.log.sync == "always",
            resp: self.settings.redis()?.map(|options| options.announced),
        };
        let registered = tokio::select! {
            () = stop.cancelled() => return Ok(None),
            registered = meta.register(registration) => registered.context("the meta server refused this node")?,
        };
        let (disks, cluster) = (Arc::clone(disks), registered.cluster);
        blocking(move || disks.set_cluster(cluster)).await?;
        Ok(Some(registered))
    }

    /// Decides what becomes of what stands on the disks, with the incarnations that the meta server has configured.
    async fn recover(
        &self,
        meta: &MetaLink,
        disks: &Arc<DiskManager>,
        me: PeerId,
    ) -> (Recovered, BTreeMap<Gpid, Ballot>) {
        let scanner = Arc::clone(disks);
        let scan = blocking(move || scanner.scan()).await;
        let configs = if scan.found.is_empty() { Vec::new() } else { meta.configs(scan.gpids()).await };
        let configured = configured_on(me, &configs);
        // Without fsync an earlier process may have asked for a role that it can no longer fill: what was configured
        // when this one registered gives it none (rule ROLES).
        let weak = self.settings.log.sync != "always";
        let ballots = configs.iter().filter(|_| weak).map(|config| (config.gpid, config.ballot)).collect();
        let (disks, now_ms) = (Arc::clone(disks), self.clock.wall_ms());
        let recovered = blocking(move || disks.recover(&scan, &configured, now_ms)).await;
        for (gpid, error) in &recovered.failed {
            tracing::error!(%gpid, error, "start-up recovery failed for this partition");
        }
        (recovered, ballots)
    }

    async fn node(
        &self,
        (registered, process): (Registered, ProcessId),
        disks: &Arc<DiskManager>,
        peers: Arc<Peers>,
        meta: &MetaLink,
        metrics: &Metrics,
        copies: Throttle,
    ) -> anyhow::Result<Arc<Node>> {
        let engine = Engine::new(&self.settings.engine())?;
        Ok(Node::new(Parts {
            peer: registered.peer,
            process,
            clock: self.clock.clone(),
            options: Arc::new(self.settings.protocol()),
            caches_bytes: usize::try_from(self.settings.replication.caches_bytes.0).unwrap_or(usize::MAX),
            engine,
            disks: Arc::clone(disks),
            logs: self.open_logs(disks).await?,
            peers,
            meta: Arc::new(meta.clone()),
            meters: Arc::new(Meters::new(metrics)),
            log_keep: self.settings.log.keep.0,
            log_stall: self.settings.log.stall.0,
            learn_pool: Arc::new(Pool::new("learn", LEARN_THREADS)?),
            scrub_pool: Pool::new("scrub", 1)?,
            learn_throttle: Throttle::new(self.settings.learn.max_rate.0, self.clock.clone()),
            copies,
        }))
    }

    /// Opens the logs of all disks at once. A disk whose log cannot be opened has failed.
    async fn open_logs(&self, disks: &Arc<DiskManager>) -> anyhow::Result<Logs> {
        let mut open = Vec::new();
        for disk in disks.disks().iter().filter(|disk| disk.is_usable()) {
            let options = self.settings.log_options(layout::log_dir(disk.path()), &self.clock)?;
            let disk = Arc::clone(disk);
            open.push(blocking(move || open_log(&disk, options)));
        }
        let open = join_all(open).await.into_iter().flatten().collect();
        Ok(Logs::new(open, self.settings.log_options(PathBuf::new(), &self.clock)?))
    }

    fn migrate_options(&self) -> anyhow::Result<MigrateOptions> {
        let home = self.settings.home().context("set data_dirs")?;
        let max_rate_bytes_per_s = self.settings.migrate.max_rate.0;
        let max_foreground_p99 = self.settings.migrate.max_foreground_p99.map(|p99| p99.0).filter(|p99| !p99.is_zero());
        Ok(MigrateOptions { max_rate_bytes_per_s, max_foreground_p99, ..MigrateOptions::new(home) })
    }

    /// What moves between disks and learners share.
    async fn copy_limits(&self) -> anyhow::Result<Limits> {
        let (options, clock) = (self.migrate_options()?, self.clock.clone());
        Ok(blocking(move || Limits::open(&options, &clock)).await)
    }

    async fn migrator(&self, node: &Arc<Node>, limits: Limits) -> anyhow::Result<Arc<Migrator<Host>>> {
        let options = self.migrate_options()?;
        let host = Arc::new(Host { node: Arc::clone(node) });
        let (disks, clock) = (Arc::clone(&node.disks), self.clock.clone());
        let opened = blocking(move || Migrator::open(options, limits, host, disks, clock));
        opened.await.context("the job records cannot be read")
    }

    fn background(&self, node: &Arc<Node>, migrator: &Arc<Migrator<Host>>, meta: &MetaLink, stop: &Stop) {
        tokio::spawn(Arc::clone(node).tick());
        tokio::spawn(Arc::clone(node).watch_disks(self.settings.disk.check_every.0));
        tokio::spawn(Arc::clone(node).collect_log_garbage());
        tokio::spawn(Arc::clone(node).collect_trash());
        tokio::spawn(Arc::clone(node).scrub_in_turn(self.settings.disk.scrub_every.0));
        tokio::spawn(pace(Arc::clone(node), Arc::clone(migrator)));
        tokio::spawn(Beacons::run(Arc::clone(node)));
        tokio::spawn(meta.clone().run(Arc::clone(node), Arc::clone(migrator), stop.clone()));
    }
}

/// Every second copies are measured, and give way to clients if they are to.
async fn pace(node: Arc<Node>, migrator: Arc<Migrator<Host>>) {
    let mut due = tokio::time::interval(PACE);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        due.tick().await;
        migrator.second(node.meters.foreground.second(), node.learners.fetched_bytes());
    }
}

fn open_log(disk: &DataDir, options: LogOptions) -> Option<(String, OpenLog)> {
    match DiskLog::open(options) {
        Ok((log, recovery)) => {
            for damage in &recovery.damage {
                tracing::error!(disk = disk.tag(), ?damage, "the log is damaged below its durable end");
            }
            Some((disk.tag().to_owned(), OpenLog { log, recovery }))
        }
        Err(error) => {
            disk.fail(format!("its log cannot be opened: {error}"));
            None
        }
    }
}

/// Hands every primary over, then closes every replica with a flush: the next start has little to replay.
async fn leave(node: &Arc<Node>, meta: &MetaLink) {
    meta.news();
    node.hand_over_all(HAND_OVER).await;
    let stops = node.registry.all().into_iter().map(|replica| {
        let node = Arc::clone(node);
        async move { node.stop_replica(&replica, true).await }
    });
    join_all(stops).await;
    for (_, open) in node.logs.all() {
        let log = open.log.clone();
        blocking(move || log.close()).await;
    }
    tracing::info!("all replicas are closed");
}
