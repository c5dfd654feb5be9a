//! The copy of a move beside what goes on around it: a restart in the midst, clients that must not suffer.

use std::time::Duration;

use anyhow::{Context as _, Result};
use common::job::{JobOutcome, ThrottledBy};
use common::rpc::node_admin::DiskMigrate;
use common::rpc::rates::RateChange;
use common::types::ReplicaStatus;
use tests::cluster::{Cluster, Options};
use tests::workload::{self, Bulk, Workload};
use tests::{cli, disks, wait};

use crate::support::{Place, TABLE, after_move, ended, job_when, pick, store, turn};

const SOON: Duration = Duration::from_secs(60);

/// Only whole files are kept, so there are two large ones: a table that was compacted and stays as it is, and as much that
/// the move itself is the first to flush.
async fn two_tables(cluster: &Cluster, place: &Place) -> Result<()> {
    let rows = Bulk { rows: 4000, value_bytes: 1000 };
    let disks = &cluster.node(place.node)?.disks;
    let (_, disk) = disks.iter().find(|(tag, _)| *tag == place.disk).context("no such disk")?;
    let dir = disk.join(disks::live(place.gpid)).join("rdb");
    // Four on level 0 are compacted: the one with which a replica begins, and three. It stays empty then: what the move and a
    // restart flush must not be compacted, too.
    for _ in 0..3 {
        rows.write(&store(cluster)).await?;
        cli::run(cluster, &["--json", "flush", "-t", TABLE])?.json()?;
    }
    wait::until("a compacted table", SOON, async || {
        let names = std::fs::read_dir(&dir)?.flatten().map(|entry| entry.path());
        let tables = names.filter(|path| path.extension().is_some_and(|kind| kind == "sst")).count();
        wait::holds(tables == 1, || format!("{tables} tables"))
    })
    .await?;
    rows.write(&store(cluster)).await
}

async fn set_rate(cluster: &Cluster, place: &Place, change: RateChange) -> Result<()> {
    let node = cluster.node(place.node)?;
    node.ask(async move |node, deadline| node.disk_migrate_rate(deadline, change).await).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_copied_and_verified_before_a_kill_is_not_copied_again() -> Result<()> {
    let _turn = turn().await;
    let mut cluster = Cluster::start().await?;
    cluster.create(TABLE, 1, 3).await?;
    let place = pick(&cluster, ReplicaStatus::Secondary).await?;
    two_tables(&cluster, &place).await?;
    let workload = Workload::start(store(&cluster), workload::Options::default());
    let mut request = place.request();
    request.max_rate_bytes_per_s = Some(1 << 20);
    let id = cluster.node(place.node)?.disk_migrate(request).await?.id;
    // The last part takes so long that it is met in its midst.
    job_when(&cluster, place.node, id, |job| job.percent() >= 40).await?;
    set_rate(&cluster, &place, RateChange::Job(id, 256 << 10)).await?;
    let killed = job_when(&cluster, place.node, id, |job| job.percent() >= 80).await?;
    assert_eq!(killed.bytes_resumed, 0);
    let process = &mut cluster.node_mut(place.node)?.process;
    process.kill()?;
    process.start()?;
    cluster.healthy(TABLE).await?;
    set_rate(&cluster, &place, RateChange::Job(id, 0)).await?;
    let job = ended(&cluster, place.node, id).await?;
    assert_eq!(job.outcome, JobOutcome::Completed, "{job:?}");
    assert!(job.bytes_resumed >= 2_000_000 && job.bytes_resumed <= killed.bytes_done, "{job:?} after {killed:?}");
    after_move(&cluster, &place, &place.other_disk(), workload).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_gives_way_while_clients_are_served_slower_than_wanted_and_goes_on_without_them() -> Result<()> {
    let _turn = turn().await;
    // No client is served so fast.
    let settings = vec![("migrate.max_foreground_p99", "1us".to_owned())];
    let cluster = Cluster::start_with(Options { settings, ..Options::default() }).await?;
    // Every node is primary of some.
    cluster.create(TABLE, 4, 3).await?;
    Bulk { rows: 40_000, value_bytes: 1000 }.write(&store(&cluster)).await?;
    let mut workload = Workload::start(store(&cluster), workload::Options::default());
    workload.progress(500, SOON).await?;
    let place = pick(&cluster, ReplicaStatus::Secondary).await?;
    // So that it lasts some seconds in any case.
    let request = DiskMigrate { max_rate_bytes_per_s: Some(3 << 20), ..place.request() };
    let id = cluster.node(place.node)?.disk_migrate(request).await?.id;
    job_when(&cluster, place.node, id, |job| job.throttled_by == Some(ThrottledBy::ForegroundP99)).await?;
    workload.pause().await;
    let job = ended(&cluster, place.node, id).await?;
    assert_eq!((job.outcome, job.throttled_by), (JobOutcome::Completed, None), "{job:?}");
    after_move(&cluster, &place, &place.other_disk(), workload).await?;
    Ok(())
}
