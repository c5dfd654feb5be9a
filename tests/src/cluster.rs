//! A cluster of real processes in a directory of its own, on loopback or each process on a host of its own.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use common::job::Job;
use common::rpc::meta_admin::{ClusterInfo, MetaAdminServiceClient, TableRoute};
use common::rpc::node_admin::{Digest, DiskInfo, DiskMigrate, DiskRemove, NodeAdminServiceClient};
use common::rpc::{Context as Deadline, Link, LinkOptions, RpcError, Secret, WireResult};
use common::types::{Decree, Gpid, PartitionConfig, PeerId, ReplicaStatus};
use tempfile::TempDir;

use crate::network::Network;
use crate::process::Process;
use crate::{ports, programs, wait};

/// Registration, loading and appointments of a fresh or restarted cluster.
pub const READY_WITHIN: Duration = Duration::from_secs(90);
const CALL_WITHIN: Duration = Duration::from_secs(10);

/// What kind of cluster.
#[derive(Clone, Debug)]
pub struct Options {
    /// Replica servers.
    pub nodes: usize,
    /// Disks of each.
    pub disks: usize,
    /// `log.sync` of each.
    pub sync: &'static str,
    /// Cluster secret.
    pub secret: Option<&'static str>,
    /// Settings of the replica servers, as key and value.
    pub settings: Vec<(&'static str, String)>,
    /// Settings of the meta server, as key and value.
    pub meta_settings: Vec<(&'static str, String)>,
    /// Directories to use as disks instead of fresh ones: (node, disk, path), both from 0.
    pub places: Vec<(usize, usize, PathBuf)>,
    /// Directories to use as homes instead of fresh ones: (node from 0, path).
    pub homes: Vec<(usize, PathBuf)>,
    /// Where the processes run, each on a host of its own: `meta`, `node1`, `node2`, …; on loopback if `None`.
    pub network: Option<Arc<Network>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            nodes: 3,
            disks: 2,
            sync: "always",
            secret: None,
            settings: vec![],
            // Tests that lose a node for good do not wait ten minutes for its copies, and those that restart one again and
            // again do not wait until it is trusted.
            meta_settings: vec![("replica_lost_delay", "30s".to_owned()), ("node_steady_after", "0s".to_owned())],
            places: vec![],
            homes: vec![],
            network: None,
        }
    }
}

impl Options {
    /// For tests in which no member dies and not one operation may fail: a machine that is so busy that a node stands still for
    /// seconds costs nobody a lease.
    #[must_use]
    pub fn patient() -> Self {
        let settings = [("replication.lease", "20s"), ("replication.grace", "24s")];
        Self { settings: settings.map(|(key, value)| (key, value.to_owned())).to_vec(), ..Self::default() }
    }
}

/// A replica server.
#[derive(Debug)]
pub struct Server {
    /// Its process.
    pub process: Process,
    /// Where it serves calls, `host:port`.
    pub address: String,
    /// Where it serves HTTP.
    pub http: String,
    /// Where it serves Redis clients.
    pub resp: String,
    /// Its disks, in order: tag and directory.
    pub disks: Vec<(String, PathBuf)>,
    admin: Link<NodeAdminServiceClient>,
}

/// The cluster.
#[derive(Debug)]
pub struct Cluster {
    /// The meta server.
    pub meta: Process,
    /// Where it serves calls.
    pub meta_address: String,
    /// Where it serves HTTP.
    pub meta_http: String,
    /// The replica servers.
    pub nodes: Vec<Server>,
    /// How to connect.
    pub links: Arc<LinkOptions>,
    /// The file with the secret, if there is one.
    pub secret_file: Option<PathBuf>,
    admin: Link<MetaAdminServiceClient>,
    dir: TempDir,
}

impl Cluster {
    /// Three nodes with two disks each; returns when all are registered.
    ///
    /// # Errors
    /// A process does not start.
    pub async fn start() -> Result<Self> {
        Self::start_with(Options::default()).await
    }

    /// The cluster that the options describe; returns when all are registered.
    ///
    /// # Errors
    /// A process does not start.
    pub async fn start_with(options: Options) -> Result<Self> {
        let mut cluster = Self::plan(&options)?;
        cluster.meta.start()?;
        // One after the other, so that peer ids, given in order of registration, are the indexes.
        for index in 0..cluster.nodes.len() {
            cluster.node_mut(index)?.process.start()?;
            cluster.alive(index + 1).await?;
        }
        Ok(cluster)
    }

    /// Directories, ports and links; nothing runs yet.
    ///
    /// # Errors
    /// No directory, no port, or programs that were not built.
    pub fn plan(options: &Options) -> Result<Self> {
        let mut dir = tempfile::Builder::new().prefix("godwit-cluster-").tempdir()?;
        dir.disable_cleanup(std::env::var_os("GODWIT_TEST_KEEP").is_some());
        let secret_file = options.secret.map(|secret| write_secret(dir.path(), secret)).transpose()?;
        let secret = options.secret.map(|secret| Secret::new(secret.as_bytes())).transpose()?;
        let links = Arc::new(LinkOptions { secret, ..LinkOptions::default() });
        let (meta_address, meta_http) = (options.address(META)?, local()?);
        let mut args = flags(&[("data-dir", path_text(&dir.path().join("meta"))), ("listen", meta_address.clone())]);
        args.extend(flags(&[("http", meta_http.clone())]));
        args.extend(setting_flags(&options.meta_settings));
        args.extend(secret_flags(secret_file.as_deref()));
        let meta = Process::new("meta-server", programs::find("meta-server")?, args, dir.path().join("meta.log"))
            .within(options.namespace(META)?);
        let mut cluster = Self {
            meta,
            admin: Link::new(meta_address.clone(), links.clone()),
            meta_address,
            meta_http,
            nodes: vec![],
            links,
            secret_file,
            dir,
        };
        for index in 0..options.nodes {
            let server = cluster.plan_node(options, index)?;
            cluster.nodes.push(server);
        }
        Ok(cluster)
    }

    fn plan_node(&self, options: &Options, index: usize) -> Result<Server> {
        let fresh = self.dir.path().join(format!("node{}", index + 1));
        let chosen = options.homes.iter().find(|(node, _)| *node == index);
        let home = chosen.map_or_else(|| fresh.clone(), |(_, path)| path.clone());
        let host = host_of(index);
        let (address, http, resp) = (options.address(&host)?, local()?, options.redis_address(&host)?);
        let place = |disk: usize| {
            let chosen = options.places.iter().find(|(node, d, _)| (*node, *d) == (index, disk));
            chosen.map_or_else(|| fresh.join(format!("disk{}", disk + 1)), |(_, _, path)| path.clone())
        };
        let disks: Vec<_> = (0..options.disks).map(|disk| (format!("disk{}", disk + 1), place(disk))).collect();
        for (_, path) in &disks {
            std::fs::create_dir_all(path)?;
        }
        let tagged: Vec<String> = disks.iter().map(|(tag, path)| format!("{tag}:{}", path.display())).collect();
        let mut args = flags(&[
            ("listen", address.clone()),
            ("http", http.clone()),
            ("meta", self.meta_address.clone()),
            ("data-dirs", tagged.join(",")),
            ("home", path_text(&home)),
            ("log-sync", options.sync.to_owned()),
        ]);
        args.extend(setting_flags(&[("resp.listen", resp.clone())]));
        args.extend(setting_flags(&options.settings));
        args.extend(secret_flags(self.secret_file.as_deref()));
        let log = self.dir.path().join(format!("node{}.log", index + 1));
        let process =
            Process::new(format!("replica-server {}", index + 1), programs::find("replica-server")?, args, log)
                .within(options.namespace(&host)?);
        Ok(Server { process, admin: Link::new(address.clone(), self.links.clone()), address, http, resp, disks })
    }

    /// What it wrote stays when it is gone.
    pub fn keep(&mut self) {
        self.dir.disable_cleanup(true);
    }

    /// The directory of the whole cluster.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Waits until every node heartbeats.
    ///
    /// # Errors
    /// One does not in time.
    pub async fn all_alive(&self) -> Result<()> {
        self.alive(self.nodes.len()).await
    }

    /// Waits until so many nodes heartbeat and can be given replicas.
    ///
    /// # Errors
    /// They do not in time.
    pub async fn alive(&self, count: usize) -> Result<()> {
        wait::until("nodes alive", READY_WITHIN, async || {
            let nodes = self.info().await?.nodes;
            let alive = nodes.iter().filter(|node| node.alive && node.loaded && !node.disks.is_empty()).count();
            wait::holds(alive == count, || format!("{alive} of {count} are"))
        })
        .await
    }

    /// Asks the meta server.
    ///
    /// # Errors
    /// What it refuses, or that it cannot be reached.
    pub async fn ask<T>(
        &self,
        call: impl AsyncFnOnce(MetaAdminServiceClient, Deadline) -> Result<WireResult<T>, RpcError>,
    ) -> WireResult<T> {
        self.admin.ask(CALL_WITHIN, |client, deadline| call(client, deadline)).await
    }

    /// Creates a table and waits until it is complete.
    ///
    /// # Errors
    /// Refused, or not complete in time.
    pub async fn create(&self, name: &str, partitions: u32, replicas: u32) -> Result<TableRoute> {
        let owned = name.to_owned();
        self.ask(async move |meta, deadline| meta.create_table(deadline, owned, partitions, replicas).await).await?;
        self.healthy(name).await
    }

    /// Waits until every partition of a table has all its members, and each of them says that it is one.
    ///
    /// # Errors
    /// Not in time.
    pub async fn healthy(&self, table: &str) -> Result<TableRoute> {
        wait::until("all partitions healthy", READY_WITHIN, async || self.is_healthy(table).await).await
    }

    /// One look at what [`Cluster::healthy`] waits for.
    ///
    /// # Errors
    /// It is not so.
    pub async fn is_healthy(&self, table: &str) -> Result<TableRoute> {
        let route = self.route(table).await?;
        for config in &route.configs {
            let whole = config.is_healthy() && config.learners.is_empty() && config.moving.is_none();
            wait::holds(whole, || format!("{config:?}"))?;
        }
        self.in_role(&route).await?;
        Ok(route)
    }

    /// A configuration names a member that was killed until its primary has noticed: so the members are asked too.
    async fn in_role(&self, route: &TableRoute) -> Result<()> {
        for (peer, address) in &route.nodes {
            let server = self.nodes.iter().find(|server| server.address == *address).context("no such node")?;
            let here = |config: &&Arc<PartitionConfig>| config.is_member(*peer);
            let configs: Vec<_> = route.configs.iter().filter(here).collect();
            let disks = if configs.is_empty() { vec![] } else { server.disks().await? };
            let replicas: Vec<_> = disks.into_iter().flat_map(|disk| disk.replicas).collect();
            for config in configs {
                let primary = config.primary.is_some_and(|primary| primary.peer == *peer);
                let role = if primary { ReplicaStatus::Primary } else { ReplicaStatus::Secondary };
                let found = replicas.iter().find(|replica| replica.gpid == config.gpid).map(|replica| replica.status);
                wait::holds(found == Some(role), || format!("{} on {address} is {found:?}, not {role}", config.gpid))?;
            }
        }
        Ok(())
    }

    /// A table's route.
    ///
    /// # Errors
    /// As [`Cluster::ask`].
    pub async fn route(&self, table: &str) -> Result<TableRoute> {
        let table = table.to_owned();
        Ok(self.ask(async move |meta, deadline| meta.route(deadline, table).await).await?)
    }

    /// The configuration of one partition.
    ///
    /// # Errors
    /// As [`Cluster::ask`]; no such partition.
    pub async fn config(&self, table: &str, gpid: Gpid) -> Result<Arc<PartitionConfig>> {
        let route = self.route(table).await?;
        route.configs.into_iter().find(|config| config.gpid == gpid).context("no such partition")
    }

    /// The cluster as the meta server sees it.
    ///
    /// # Errors
    /// As [`Cluster::ask`].
    pub async fn info(&self) -> Result<ClusterInfo> {
        Ok(self.ask(async |meta, deadline| meta.cluster(deadline).await).await?)
    }

    /// Makes a secondary the primary and waits until it is. Who is asked to hand over may just have lost the primary
    /// itself, so the wish is said again until it is granted.
    ///
    /// # Errors
    /// Refused, or not in time.
    pub async fn propose(&self, table: &str, gpid: Gpid, primary: PeerId) -> Result<()> {
        wait::until("the new primary", READY_WITHIN, async || {
            self.ask(async move |meta, deadline| meta.propose(deadline, gpid, primary).await).await?;
            let config = self.config(table, gpid).await?;
            wait::holds(config.primary.is_some_and(|p| p.peer == primary), || format!("{config:?}"))
        })
        .await
    }

    /// Index in [`Cluster::nodes`] of a peer.
    ///
    /// # Errors
    /// The meta server does not know it.
    pub async fn index_of(&self, peer: PeerId) -> Result<usize> {
        let info = self.info().await?;
        let node = info.nodes.iter().find(|node| node.peer_id == peer).context("no such peer")?;
        self.nodes.iter().position(|server| server.address == node.address).context("no such node")
    }

    /// What the meta server calls a node.
    ///
    /// # Errors
    /// It does not know it.
    pub async fn peer_of(&self, index: usize) -> Result<PeerId> {
        let address = &self.node(index)?.address;
        let info = self.info().await?;
        info.nodes.iter().find(|node| node.address == *address).map(|node| node.peer_id).context("not registered")
    }

    /// A node by its index from 0.
    ///
    /// # Errors
    /// There is none.
    pub fn node(&self, index: usize) -> Result<&Server> {
        self.nodes.get(index).with_context(|| format!("no node {index}"))
    }

    /// A node by its index from 0.
    ///
    /// # Errors
    /// There is none.
    pub fn node_mut(&mut self, index: usize) -> Result<&mut Server> {
        self.nodes.get_mut(index).with_context(|| format!("no node {index}"))
    }
}

impl Server {
    /// Asks the node.
    ///
    /// # Errors
    /// What it refuses, or that it cannot be reached.
    pub async fn ask<T>(
        &self,
        call: impl AsyncFnOnce(NodeAdminServiceClient, Deadline) -> Result<WireResult<T>, RpcError>,
    ) -> WireResult<T> {
        self.admin.ask(CALL_WITHIN, |client, deadline| call(client, deadline)).await
    }

    /// Its disks with their replicas.
    ///
    /// # Errors
    /// As [`Server::ask`].
    pub async fn disks(&self) -> WireResult<Vec<DiskInfo>> {
        self.ask(async |node, deadline| node.disks(deadline).await).await
    }

    /// Its jobs.
    ///
    /// # Errors
    /// As [`Server::ask`].
    pub async fn jobs(&self) -> WireResult<Vec<Job>> {
        self.ask(async |node, deadline| node.jobs(deadline).await).await
    }

    /// Marks a disk as draining, or takes the mark away.
    ///
    /// # Errors
    /// As [`Server::ask`].
    pub async fn set_draining(&self, disk: &str, draining: bool) -> WireResult<()> {
        self.ask(async move |node, deadline| node.set_draining(deadline, disk.to_owned(), draining).await).await
    }

    /// Takes a directory in as a disk.
    ///
    /// # Errors
    /// As [`Server::ask`].
    pub async fn disk_add(&self, disk: &str, path: &Path) -> WireResult<DiskInfo> {
        let path = path_text(path);
        self.ask(async move |node, deadline| node.disk_add(deadline, disk.to_owned(), path).await).await
    }

    /// Lets a disk go.
    ///
    /// # Errors
    /// As [`Server::ask`].
    pub async fn disk_remove(&self, request: DiskRemove) -> WireResult<DiskInfo> {
        self.ask(async move |node, deadline| node.disk_remove(deadline, request).await).await
    }

    /// Starts a move.
    ///
    /// # Errors
    /// As [`Server::ask`].
    pub async fn disk_migrate(&self, request: DiskMigrate) -> WireResult<Job> {
        self.ask(async move |node, deadline| node.disk_migrate(deadline, request).await).await
    }

    /// Digest of a replica.
    ///
    /// # Errors
    /// As [`Server::ask`].
    pub async fn digest(&self, gpid: Gpid, at: Option<Decree>) -> WireResult<Digest> {
        self.ask(async move |node, deadline| node.digest(deadline, gpid, at).await).await
    }
}

/// The host of the meta server.
pub const META: &str = "meta";

/// The host of a node by its index from 0.
#[must_use]
pub fn host_of(index: usize) -> String {
    format!("node{}", index + 1)
}

impl Options {
    /// An address on a host.
    fn address(&self, host: &str) -> Result<String> {
        let ip = self.network.as_ref().map_or(Ok(Ipv4Addr::LOCALHOST), |network| network.address(host))?;
        Ok(format!("{ip}:{}", ports::free()?))
    }

    /// Redis clients of other hosts are served where they need a password.
    fn redis_address(&self, host: &str) -> Result<String> {
        let asks = self.settings.iter().any(|(key, _)| *key == "resp.requirepass");
        if asks { self.address(host) } else { local() }
    }

    fn namespace(&self, host: &str) -> Result<Option<PathBuf>> {
        self.network.as_ref().map(|network| network.namespace(host)).transpose()
    }
}

/// Of what is only for those on the same host.
fn local() -> Result<String> {
    Ok(format!("127.0.0.1:{}", ports::free()?))
}

fn flags(pairs: &[(&str, String)]) -> Vec<String> {
    pairs.iter().flat_map(|(name, value)| [format!("--{name}"), value.clone()]).collect()
}

fn path_text(path: &Path) -> String {
    path.display().to_string()
}

fn write_secret(dir: &Path, secret: &str) -> Result<PathBuf> {
    let file = dir.join("secret");
    std::fs::write(&file, secret)?;
    Ok(file)
}

fn setting_flags(settings: &[(&str, String)]) -> Vec<String> {
    settings.iter().flat_map(|(key, value)| ["--set".to_owned(), format!("{key}={value}")]).collect()
}

fn secret_flags(file: Option<&Path>) -> Vec<String> {
    file.into_iter().flat_map(|file| ["--set".to_owned(), format!("secret_file={}", file.display())]).collect()
}
