//! What the tests share: taking turns, choosing a replica, and what must hold after every move.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use common::job::Job;
use common::procedure::{ProcedureFilter, ProcedureInfo};
use common::rpc::node_admin::{DiskInfo, DiskMigrate};
use common::types::{Gpid, PeerId, ReplicaStatus};
use tests::cluster::{Cluster, READY_WITHIN};
use tests::workload::{Report, Store, Workload};
use tests::{disks, wait};
use tokio::sync::{Semaphore, SemaphorePermit};
use uuid::Uuid;

pub(crate) const TABLE: &str = "t";
/// A move, restarts included, ends within this.
pub(crate) const MOVE_WITHIN: Duration = Duration::from_secs(60);
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// A procedure ends within this, restarts included.
pub(crate) const PROCEDURE_WITHIN: Duration = Duration::from_secs(120);

/// The machine bears one cluster at full speed, or this many that are paced.
const SHARES: u32 = 2;
static MACHINE: Semaphore = Semaphore::const_new(SHARES as usize);

/// Clusters take turns: this one has the machine for itself.
pub(crate) async fn turn() -> SemaphorePermit<'static> {
    MACHINE.acquire_many(SHARES).await.expect("the semaphore is never closed")
}

/// A share of the machine, for a cluster whose workload is paced and may see an operation fail.
pub(crate) async fn share() -> SemaphorePermit<'static> {
    MACHINE.acquire().await.expect("the semaphore is never closed")
}

/// The test's table, through a client of its own.
pub(crate) fn store(cluster: &Cluster) -> Store {
    Store::new(&cluster.meta_address, cluster.links.secret.clone(), TABLE)
}

/// A replica on a node.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) node: usize,
    pub(crate) peer: PeerId,
    pub(crate) gpid: Gpid,
    pub(crate) disk: String,
}

impl Place {
    /// The other of two disks.
    pub(crate) fn other_disk(&self) -> String {
        if self.disk == "disk1" { "disk2".to_owned() } else { "disk1".to_owned() }
    }

    /// The move to the other disk.
    pub(crate) fn request(&self) -> DiskMigrate {
        DiskMigrate {
            gpid: self.gpid,
            source: self.disk.clone(),
            target: self.other_disk(),
            demote: true,
            max_rate_bytes_per_s: None,
            purge_origin: false,
        }
    }
}

/// Some replica with this status.
pub(crate) async fn pick(cluster: &Cluster, status: ReplicaStatus) -> Result<Place> {
    for (node, server) in cluster.nodes.iter().enumerate() {
        for disk in server.disks().await? {
            if let Some(replica) = disk.replicas.iter().find(|replica| replica.status == status) {
                let peer = cluster.peer_of(node).await?;
                return Ok(Place { node, peer, gpid: replica.gpid, disk: disk.disk });
            }
        }
    }
    bail!("no replica is {status}")
}

/// Some replica on this node.
pub(crate) async fn on_node(cluster: &Cluster, node: usize) -> Result<Place> {
    let peer = cluster.peer_of(node).await?;
    let disks = cluster.node(node)?.disks().await?;
    let first = |disk: DiskInfo| disk.replicas.first().map(|replica| (replica.gpid, disk.disk.clone()));
    let (gpid, disk) = disks.into_iter().find_map(first).with_context(|| format!("node {node} holds nothing"))?;
    Ok(Place { node, peer, gpid, disk })
}

/// Waits until a job is as wanted.
pub(crate) async fn job_when(cluster: &Cluster, node: usize, id: Uuid, wanted: impl Fn(&Job) -> bool) -> Result<Job> {
    wait::until("the job", MOVE_WITHIN, async || {
        let jobs = cluster.node(node)?.jobs().await?;
        let job = jobs.into_iter().find(|job| job.id == id).context("the job is unknown")?;
        wait::holds(wanted(&job), || format!("{job:?}"))?;
        Ok(job)
    })
    .await
}

/// Waits until a job is over.
pub(crate) async fn ended(cluster: &Cluster, node: usize, id: Uuid) -> Result<Job> {
    job_when(cluster, node, id, |job| !job.is_running()).await
}

/// Stops the meta server, or finds it gone, and starts it, with a fault armed if one is named; returns when all nodes are
/// back with it.
pub(crate) async fn restart_meta(cluster: &mut Cluster, fault: Option<&str>) -> Result<()> {
    let meta = &mut cluster.meta;
    if meta.is_running()? {
        meta.stop(Duration::from_secs(30)).await?;
    }
    match fault {
        Some(fault) => meta.start_with(&["--enable-fault-injection"], &[("GODWIT_FAULT", fault)])?,
        None => meta.start()?,
    }
    cluster.all_alive().await
}

/// All procedures, oldest first.
pub(crate) async fn procedures(cluster: &Cluster) -> Result<Vec<ProcedureInfo>> {
    let all = ProcedureFilter::default();
    Ok(cluster.ask(async move |meta, deadline| meta.procedures(deadline, all).await).await?)
}

/// Those that bring replicas from node to node.
pub(crate) async fn transfers(cluster: &Cluster) -> Result<Vec<ProcedureInfo>> {
    Ok(procedures(cluster).await?.into_iter().filter(|procedure| !procedure.is_of_table()).collect())
}

/// Waits until a procedure is as wanted. The meta server may be away meanwhile.
pub(crate) async fn procedure_when(
    cluster: &Cluster,
    id: Uuid,
    what: &str,
    is: impl Fn(&ProcedureInfo) -> bool,
) -> Result<ProcedureInfo> {
    wait::until(what, PROCEDURE_WITHIN, async || {
        let info = cluster.ask(async move |meta, deadline| meta.procedure(deadline, id).await).await?;
        wait::holds(is(&info), || format!("{info:?}"))?;
        Ok(info)
    })
    .await
}

/// What must hold after every move: all members there, one live directory on the disk where it belongs, nothing half
/// copied; the moved replica becomes primary, every acknowledged key is read through it, and all members are equal.
pub(crate) async fn after_move(cluster: &Cluster, place: &Place, disk: &str, workload: Workload) -> Result<Report> {
    cluster.healthy(TABLE).await?;
    let server = cluster.node(place.node)?;
    assert_eq!(disks::holding(server, &disks::live(place.gpid)), [disk], "{} lies where it belongs", place.gpid);
    assert!(disks::holding(server, &disks::copying(place.gpid)).is_empty(), "a copy was left behind");
    if cluster.config(TABLE, place.gpid).await?.primary.map(|primary| primary.peer) != Some(place.peer) {
        cluster.propose(TABLE, place.gpid, place.peer).await?;
    }
    let report = workload.finish().await?;
    same_everywhere(cluster).await?;
    Ok(report)
}

/// All members of all partitions have the same digest. Nothing may be writing.
pub(crate) async fn same_everywhere(cluster: &Cluster) -> Result<()> {
    tests::equal::same_everywhere(cluster, TABLE).await
}

/// Fetches a path over HTTP: status code and body.
pub(crate) fn http(address: &str, path: &str) -> Result<(u16, String)> {
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).context("no status")?;
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
    Ok((status, body))
}

/// Sum of the samples of a metric whose name and labels contain all parts.
pub(crate) fn metric(address: &str, parts: &[&str]) -> Result<f64> {
    let (_, text) = http(address, "/metrics")?;
    let samples = text.lines().filter(|line| !line.starts_with('#') && parts.iter().all(|part| line.contains(part)));
    Ok(samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
}

/// READONLY reads that secondaries of all nodes have answered.
pub(crate) fn secondary_reads(cluster: &Cluster) -> Result<f64> {
    cluster.nodes.iter().map(|node| metric(&node.http, &["resp_secondary_reads_total"])).sum()
}

/// Waits until the logs of these nodes hold less than so many bytes in all.
pub(crate) async fn logs_hold_less(
    cluster: &Cluster,
    nodes: impl Iterator<Item = usize> + Clone,
    bytes: f64,
) -> Result<()> {
    wait::until("short logs", READY_WITHIN, async || {
        let of_node = |node| metric(&cluster.node(node)?.http, &["log_held_bytes{"]);
        let held: f64 = nodes.clone().map(of_node).sum::<Result<_>>()?;
        wait::holds(held < bytes, || format!("{held} bytes are held"))
    })
    .await
}
