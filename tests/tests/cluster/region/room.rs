//! A target is judged by the room on its disks, on a small tmpfs (needs root; elsewhere this test says so and passes over it).

use std::path::Path;

use anyhow::Result;
use common::procedure::MigrateRegion;
use common::rpc::ErrorCode;
use common::rpc::node_admin::DiskStatus;
use common::types::PeerId;
use tests::cluster::{Cluster, Options};
use tests::disks::SmallDisk;
use tests::wait;

use super::{BULK, ENDS_WITHIN, GPID, index};
use crate::support::{TABLE, same_everywhere, store, turn};

/// The node with the small disk.
const SMALL: PeerId = PeerId(3);
/// Room for a log, a copy, and the headroom of 256 MiB.
const SMALL_MIB: u64 = 768;
/// Not enough for anything.
const FULL_MIB: u64 = 4;
/// Enough for the copy and for a disk to count as NORMAL, but not with the headroom.
const TIGHT_MIB: u64 = 200;

/// Four nodes, of which one has a full disk and so no copy.
async fn with_full_disk(mount: &Path, disk: &SmallDisk) -> Result<Cluster> {
    let places = vec![(index(SMALL), 0, mount.join("data"))];
    let cluster = Cluster::start_with(Options { nodes: 4, disks: 1, places, ..Options::default() }).await?;
    disk.fill(FULL_MIB)?;
    reported(&cluster, DiskStatus::SpaceInsufficient, FULL_MIB).await?;
    cluster.create(TABLE, 1, 3).await?;
    BULK.write(&store(&cluster)).await?;
    Ok(cluster)
}

/// Waits until the meta server knows how the small disk is, with so many MiB free at most.
async fn reported(cluster: &Cluster, status: DiskStatus, free_mib: u64) -> Result<()> {
    wait::until("the state of the small disk", ENDS_WITHIN, async || {
        let nodes = cluster.info().await?.nodes;
        let disks = nodes.iter().find(|node| node.peer_id == SMALL).map(|node| node.disks.clone());
        let known = disks.iter().flatten().any(|disk| disk.status == status && disk.available_bytes <= free_mib << 20);
        wait::holds(known, || format!("{disks:?}"))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_without_room_for_the_bytes_of_the_replica_is_refused_until_there_is() -> Result<()> {
    let _turn = turn().await;
    if !SmallDisk::possible() {
        eprintln!("passed over: mounting a tmpfs needs root");
        return Ok(());
    }
    let mount = tempfile::tempdir()?;
    let disk = SmallDisk::mount(mount.path(), SMALL_MIB)?;
    let mut cluster = with_full_disk(mount.path(), &disk).await?;
    let from = cluster.config(TABLE, GPID).await?.secondaries[0].peer;
    let request = MigrateRegion { gpid: GPID, from, to: SMALL, replay_timeout_ms: 120_000 };
    let migrate = async || cluster.ask(async move |meta, at| meta.migrate_region(at, request).await).await;
    assert_eq!(migrate().await.unwrap_err().code, ErrorCode::DiskSpaceInsufficient, "its disk is full");

    disk.relieve()?;
    disk.fill(TIGHT_MIB)?;
    reported(&cluster, DiskStatus::Normal, TIGHT_MIB).await?;
    let error = migrate().await.unwrap_err();
    assert_eq!(error.code, ErrorCode::DiskSpaceInsufficient);
    assert!(error.message.contains("bytes with headroom") && error.hint.contains("bytes more"), "{error:?}");

    disk.relieve()?;
    let id = wait::until("room on the target", ENDS_WITHIN, async || Ok(migrate().await?)).await?.id;
    wait::until("the copy on the target", ENDS_WITHIN, async || {
        let info = cluster.ask(async move |meta, at| meta.procedure(at, id).await).await?;
        let config = cluster.config(TABLE, GPID).await?;
        wait::holds(info.state.has_ended() && config.is_member(SMALL), || format!("{info:?} {config:?}"))
    })
    .await?;
    cluster.healthy(TABLE).await?;
    same_everywhere(&cluster).await?;
    cluster.nodes.clear();
    Ok(())
}
