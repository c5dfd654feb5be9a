//! A disk that is full, on a small tmpfs (needs root; elsewhere these tests say so and pass over it).

use std::time::Duration;

use anyhow::Result;
use common::rpc::node_admin::DiskStatus;
use tests::cluster::{Cluster, Options};
use tests::disks::SmallDisk;
use tests::wait;
use tests::workload::Store;

use crate::support::{TABLE, store, turn};

const WITHIN: Duration = Duration::from_secs(30);

async fn status(cluster: &Cluster) -> Result<DiskStatus> {
    Ok(cluster.node(0)?.disks().await?[0].status)
}

async fn put(store: &Store, row: u32) -> Result<(), tests::workload::Failure> {
    store.put(format!("row-{row}").into(), vec![b'x'; 1000].into()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_clearly_and_recovers_by_itself() -> Result<()> {
    let _turn = turn().await;
    if !SmallDisk::possible() {
        eprintln!("passed over: mounting a tmpfs needs root");
        return Ok(());
    }
    let mount = tempfile::tempdir()?;
    let disk = SmallDisk::mount(mount.path(), 512)?;
    let places = vec![(0, 0, mount.path().join("data"))];
    let mut cluster = Cluster::start_with(Options { nodes: 1, disks: 1, places, ..Options::default() }).await?;
    cluster.create(TABLE, 1, 1).await?;
    let store = store(&cluster);
    put(&store, 0).await?;
    disk.fill(4)?;
    wait::until("SPACE_INSUFFICIENT", WITHIN, async || {
        let now = status(&cluster).await?;
        wait::holds(now == DiskStatus::SpaceInsufficient, || format!("{now:?}"))
    })
    .await?;
    let refused = put(&store, 1).await.unwrap_err().to_string();
    assert!(refused.to_lowercase().contains("space") || refused.contains("full"), "{refused}");
    assert!(store.get("row-0".into()).await?.is_some(), "reads go on");
    assert!(cluster.node_mut(0)?.process.is_running()?, "the process stays up");
    disk.relieve()?;
    wait::until("NORMAL", WITHIN, async || {
        let now = status(&cluster).await?;
        wait::holds(now == DiskStatus::Normal, || format!("{now:?}"))
    })
    .await?;
    put(&store, 2).await?;
    cluster.nodes.clear();
    Ok(())
}
