//! Disks come, go and are replaced while the servers run and the table is written. The tests that unmount need root;
//! elsewhere they say so and pass over it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use common::fs::durable_rename;
use common::job::JobOutcome;
use common::rpc::ErrorCode;
use common::rpc::node_admin::{DiskInfo, DiskMigrate, DiskRemove, DiskStatus};
use common::types::{Gpid, ReplicaStatus};
use tests::cluster::{Cluster, Options, READY_WITHIN};
use tests::disks::SmallDisk;
use tests::workload::{self, Workload};
use tests::{cli, wait};

use crate::support::{Place, TABLE, after_move, ended, metric, pick, store, turn};

const STOP_WITHIN: Duration = Duration::from_secs(30);
/// Room for a log, its reserve, and the headroom of a move.
const DISK_MIB: u64 = 768;

async fn loaded(options: Options) -> Result<(Cluster, Workload)> {
    let cluster = Cluster::start_with(options).await?;
    cluster.create(TABLE, 2, 3).await?;
    let workload = Workload::start(store(&cluster), workload::Options::default());
    workload.progress(1000, Duration::from_secs(20)).await?;
    Ok((cluster, workload))
}

/// A cluster whose first node has its second disk on a file system of its own: (mount, data directory).
async fn mounted() -> Result<Option<(Cluster, Workload, SmallDisk, PathBuf)>> {
    if !SmallDisk::possible() {
        eprintln!("passed over: mounting a tmpfs needs root");
        return Ok(None);
    }
    let mount = tempfile::Builder::new().prefix("godwit-disk-").tempdir()?.keep();
    let disk = SmallDisk::mount(&mount, DISK_MIB)?;
    let places = vec![(0, 1, mount.join("data"))];
    let (cluster, workload) = loaded(Options { places, ..Options::default() }).await?;
    Ok(Some((cluster, workload, disk, mount)))
}

async fn disk(cluster: &Cluster, node: usize, tag: &str) -> Result<Option<DiskInfo>> {
    Ok(cluster.node(node)?.disks().await?.into_iter().find(|disk| disk.disk == tag))
}

async fn gpids(cluster: &Cluster, node: usize, tag: &str) -> Result<Vec<Gpid>> {
    let disk = disk(cluster, node, tag).await?.context("no such disk")?;
    Ok(disk.replicas.into_iter().map(|replica| replica.gpid).collect())
}

fn request(gpid: Gpid, source: &str, target: &str) -> DiskMigrate {
    let (source, target) = (source.to_owned(), target.to_owned());
    DiskMigrate { gpid, source, target, demote: true, ..DiskMigrate::default() }
}

fn removal(disk: &str) -> DiskRemove {
    DiskRemove { disk: disk.to_owned(), purge_garbage: false, broken: false }
}

async fn migrate(cluster: &Cluster, node: usize, request: DiskMigrate) -> Result<()> {
    let job = cluster.node(node)?.disk_migrate(request).await?;
    let job = ended(cluster, node, job.id).await?;
    assert_eq!((job.outcome, job.last_error.as_deref()), (JobOutcome::Completed, None));
    cluster.healthy(TABLE).await?;
    Ok(())
}

async fn restart(cluster: &mut Cluster, node: usize) -> Result<String> {
    let process = &mut cluster.node_mut(node)?.process;
    process.stop(STOP_WITHIN).await?;
    let before = process.log()?.len();
    process.start()?;
    cluster.all_alive().await?;
    cluster.healthy(TABLE).await?;
    Ok(cluster.node(node)?.process.log()?.split_off(before))
}

/// What the meta server knows of a node's disks.
async fn reported(cluster: &Cluster, node: usize) -> Result<Vec<(String, bool)>> {
    let address = &cluster.node(node)?.address;
    let info = cluster.info().await?;
    let disks = info.nodes.into_iter().find(|node| node.address == *address).context("no such node")?.disks;
    Ok(disks.into_iter().map(|disk| (disk.disk, disk.draining)).collect())
}

async fn until_reported(cluster: &Cluster, node: usize, expected: &[(&str, bool)]) -> Result<()> {
    let expected: Vec<_> = expected.iter().map(|(disk, draining)| ((*disk).to_owned(), *draining)).collect();
    wait::until("the meta server to hear of the disks", READY_WITHIN, async || {
        let now = reported(cluster, node).await?;
        wait::holds(now == expected, || format!("{now:?}"))
    })
    .await
}

async fn refused(cluster: &Cluster, node: usize, request: DiskRemove) -> Result<(ErrorCode, String)> {
    let error = cluster.node(node)?.disk_remove(request).await.err().context("it was removed")?;
    assert!(!error.hint.is_empty(), "{error:?} says what to do");
    Ok((error.code, error.message))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_is_added_filled_and_there_after_a_restart() -> Result<()> {
    let _turn = turn().await;
    let (mut cluster, workload) = loaded(Options::default()).await?;
    let place = pick(&cluster, ReplicaStatus::Secondary).await?;
    let (node, path) = (place.node, cluster.dir().join("disk3"));
    let address = cluster.node(node)?.address.clone();
    let ran = cli::run(&cluster, &["disk-add", "-n", &address, &format!("disk3:{}", path.display()), "--json"])?;
    let added = ran.json()?;
    assert_eq!(added["disk"]["disk"], "disk3");
    assert_eq!(added["disk"]["added"], true);
    until_reported(&cluster, node, &[("disk1", false), ("disk2", false), ("disk3", false)]).await?;
    migrate(&cluster, node, request(place.gpid, &place.disk, "disk3")).await?;
    let (code, message) = refused(&cluster, node, removal("disk3")).await?;
    assert_eq!(code, ErrorCode::DiskNotEmpty);
    assert!(message.contains(&place.gpid.to_string()), "{message}");
    restart(&mut cluster, node).await?;
    assert_eq!(gpids(&cluster, node, "disk3").await?, [place.gpid]);
    cluster.node_mut(node)?.disks.push(("disk3".to_owned(), path));
    let report = after_move(&cluster, &place, "disk3", workload).await?;
    assert_eq!(report.failed, 0, "{:?}", report.failures);
    Ok(())
}

/// Everything on disk2 of the first node moves to disk1, while the disk is marked.
async fn drain(cluster: &Cluster) -> Result<()> {
    let server = cluster.node(0)?;
    server.set_draining("disk2", true).await?;
    until_reported(cluster, 0, &[("disk1", false), ("disk2", true)]).await?;
    let standing = gpids(cluster, 0, "disk2").await?;
    assert!(!standing.is_empty(), "the emptier disk got the replicas");
    assert_eq!(refused(cluster, 0, removal("disk2")).await?.0, ErrorCode::DiskNotEmpty);
    for gpid in standing {
        migrate(cluster, 0, request(gpid, "disk2", "disk1")).await?;
        let back = server.disk_migrate(request(gpid, "disk1", "disk2")).await.err().context("it was accepted")?;
        assert_eq!(back.code, ErrorCode::DiskDraining);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_disk_is_removed_unmounted_at_once_and_gone_after_a_restart() -> Result<()> {
    let _turn = turn().await;
    let Some((mut cluster, workload, small, mount)) = mounted().await? else { return Ok(()) };
    drain(&cluster).await?;
    let (code, message) = refused(&cluster, 0, removal("disk2")).await?;
    assert_eq!(code, ErrorCode::DiskNotEmpty);
    assert!(message.contains(".disk.migrate.ori"), "{message}");
    assert!(small.unmount().is_err(), "the server has files of it open");
    cluster.node(0)?.disk_remove(DiskRemove { purge_garbage: true, ..removal("disk2") }).await?;
    small.unmount()?;
    until_reported(&cluster, 0, &[("disk1", false)]).await?;
    assert!(metric(&cluster.node(0)?.http, &["disk_capacity_bytes", "disk2"])?.abs() < 1.0);
    let said = restart(&mut cluster, 0).await?;
    assert!(disk(&cluster, 0, "disk2").await?.is_none());
    assert!(said.contains("take it out of data_dirs") && !said.contains("IO_ERROR"), "{said}");
    let small = SmallDisk::mount(&mount, DISK_MIB)?;
    let back = cluster.node(0)?.disk_add("disk2", &mount.join("data")).await?;
    assert_eq!((back.added, back.draining, back.status), (false, false, DiskStatus::Normal));
    let gpid = gpids(&cluster, 0, "disk1").await?.into_iter().next().context("nothing on disk1")?;
    migrate(&cluster, 0, request(gpid, "disk1", "disk2")).await?;
    restart(&mut cluster, 0).await?;
    let place = Place { node: 0, peer: cluster.peer_of(0).await?, gpid, disk: "disk1".to_owned() };
    after_move(&cluster, &place, "disk2", workload).await?;
    cluster.nodes.clear();
    drop(small);
    Ok(())
}

/// The first node runs with a second disk whose fsyncs fail after a while; returns when its replicas are cured.
async fn broken(cluster: &mut Cluster, data: &Path) -> Result<()> {
    let process = &mut cluster.node_mut(0)?.process;
    process.stop(STOP_WITHIN).await?;
    let fault = format!("log.sync=error@300~{}", data.display());
    process.start_with(&["--enable-fault-injection"], &[("GODWIT_FAULT", &fault)])?;
    until_failed(cluster).await?;
    // A copy on the failed disk has its role until it is the next to write.
    wait::until("no copy on the failed disk", READY_WITHIN, async || {
        let left = gpids(cluster, 0, "disk2").await?;
        wait::holds(left.is_empty(), || format!("{left:?}"))
    })
    .await?;
    cluster.healthy(TABLE).await?;
    Ok(())
}

async fn until_failed(cluster: &Cluster) -> Result<()> {
    wait::until("IO_ERROR", READY_WITHIN, async || {
        let status = disk(cluster, 0, "disk2").await?.map(|disk| disk.status);
        wait::holds(status == Some(DiskStatus::IoError), || format!("{status:?}"))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_disk_is_replaced_while_the_server_runs() -> Result<()> {
    let _turn = turn().await;
    let Some((mut cluster, workload, small, mount)) = mounted().await? else { return Ok(()) };
    broken(&mut cluster, &mount.join("data")).await?;
    assert_eq!(refused(&cluster, 0, removal("disk2")).await?.0, ErrorCode::DiskIoError);
    cluster.node(0)?.disk_remove(DiskRemove { broken: true, ..removal("disk2") }).await?;
    small.unmount()?;
    let small = SmallDisk::mount(&mount, DISK_MIB)?;
    // Another directory of the new file system: the fault knows the old one by its name.
    let new = mount.join("new");
    let added = cluster.node(0)?.disk_add("disk2", &new).await?;
    assert_eq!((added.added, added.status), (true, DiskStatus::Normal));
    let gpid = gpids(&cluster, 0, "disk1").await?.into_iter().next().context("nothing was cured here")?;
    migrate(&cluster, 0, request(gpid, "disk1", "disk2")).await?;
    cluster.node_mut(0)?.disks =
        vec![("disk1".to_owned(), cluster.node(0)?.disks[0].1.clone()), ("disk2".to_owned(), new)];
    let place = Place { node: 0, peer: cluster.peer_of(0).await?, gpid, disk: "disk1".to_owned() };
    after_move(&cluster, &place, "disk2", workload).await?;
    restart(&mut cluster, 0).await?;
    assert_eq!(gpids(&cluster, 0, "disk2").await?, [gpid]);
    cluster.nodes.clear();
    drop(small);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_disk_that_may_hold_the_last_copy_stays() -> Result<()> {
    let _turn = turn().await;
    let mut cluster = Cluster::start_with(Options { nodes: 1, ..Options::default() }).await?;
    cluster.create(TABLE, 4, 1).await?;
    let path = cluster.node(0)?.disks[1].1.clone();
    let process = &mut cluster.node_mut(0)?.process;
    process.stop(STOP_WITHIN).await?;
    let away = path.with_file_name("away");
    durable_rename(&path, &away)?;
    process.start()?;
    until_failed(&cluster).await?;
    let (code, message) = refused(&cluster, 0, DiskRemove { broken: true, ..removal("disk2") }).await?;
    assert_eq!(code, ErrorCode::DiskNotEmpty);
    assert!(message.contains("last copy"), "{message}");
    cluster.node_mut(0)?.process.stop(STOP_WITHIN).await?;
    let _ = std::fs::remove_dir(&path);
    durable_rename(&away, &path)?;
    cluster.node_mut(0)?.process.start()?;
    cluster.healthy(TABLE).await?;
    Ok(())
}
