//! `/metrics` tells what happened: known operations, and the values that they must leave.

use std::time::Duration;

use anyhow::Result;
use common::types::ReplicaStatus;
use tests::cluster::{Cluster, READY_WITHIN};
use tests::wait;

use crate::support::{TABLE, http, metric, pick, store, turn};

const WRITES: u32 = 200;

/// Sum over all nodes of the samples whose line begins so and contains all parts.
fn sum(cluster: &Cluster, parts: &[&str]) -> Result<f64> {
    cluster.nodes.iter().map(|server| metric(&server.http, parts)).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_known_writes_the_figures_are_what_they_must_be() -> Result<()> {
    let _turn = turn().await;
    let cluster = Cluster::start().await?;
    cluster.create(TABLE, 2, 3).await?;
    let before = sum(&cluster, &["godwit_commit_seconds_count"])?;
    let store = store(&cluster);
    for row in 0..WRITES {
        store.put(format!("row-{row}").into(), vec![b'x'; 500].into()).await?;
    }
    let writes = f64::from(WRITES);
    assert_eq!(sum(&cluster, &["godwit_commit_seconds_count"])? - before, writes, "each write once, on its primary");
    let mean = sum(&cluster, &["godwit_commit_seconds_sum"])? / writes;
    assert!(mean > 0.0 && mean < 5.0, "a commit took {mean} s");

    // Each of three members logs each write; they share fsyncs only if they wait for the same one.
    let appends = sum(&cluster, &["godwit_log_appends_total"])?;
    assert!(appends >= 3.0 * writes, "{appends} appends");
    let groups = sum(&cluster, &["godwit_log_group_records_count"])?;
    // A record that is appended between two looks is only in one of the figures.
    let records = wait::until("every record to be in one group", READY_WITHIN, async || {
        let records = sum(&cluster, &["godwit_log_group_records_sum"])?;
        let appends = sum(&cluster, &["godwit_log_appends_total"])?;
        wait::holds(records == appends, || format!("{records} records in groups of {appends} appends"))?;
        Ok(records)
    })
    .await?;
    assert!(groups > 0.0 && groups <= records, "{groups} groups of {records} records");
    let (syncs, seconds) =
        (sum(&cluster, &["godwit_log_fsync_seconds_count"])?, sum(&cluster, &["godwit_log_fsync_seconds_sum"])?);
    assert!(syncs >= groups / 2.0 && seconds > 0.0 && seconds / syncs < 5.0, "{syncs} fsyncs in {seconds} s");
    let held = sum(&cluster, &["godwit_log_held_bytes{"])?;
    assert!(held >= 3.0 * writes * 500.0, "{held} bytes of log are held, and nothing was flushed");

    for (status, expected) in [("primary", 2.0), ("secondary", 4.0), ("error", 0.0)] {
        assert_eq!(sum(&cluster, &["godwit_replicas{", &format!("\"{status}\"")])?, expected, "{status}");
    }
    for server in &cluster.nodes {
        for disk in ["disk1", "disk2"] {
            let one = |name: &str| metric(&server.http, &[name, &format!("disk=\"{disk}\"")]);
            assert_eq!(one("godwit_disk_status{")?, 0.0);
            let (capacity, available) = (one("godwit_disk_capacity_bytes{")?, one("godwit_disk_available_bytes{")?);
            assert!(available > 0.0 && available < capacity, "{available} of {capacity}");
        }
    }
    assert_eq!(sum(&cluster, &["godwit_rocksdb_stalled{"])?, 0.0);
    assert!(sum(&cluster, &["godwit_rocksdb_memory_bytes{", "memtables"])? > 0.0);
    let (code, body) = http(&cluster.node(0)?.http, "/health")?;
    assert_eq!(code, 200, "{body}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_stood_still_counts_its_lost_lease_and_its_return_is_a_learn() -> Result<()> {
    let _turn = turn().await;
    let cluster = Cluster::start().await?;
    cluster.create(TABLE, 1, 3).await?;
    let store = store(&cluster);
    store.put("before".into(), "v".into()).await?;
    let place = pick(&cluster, ReplicaStatus::Primary).await?;
    let learns = |cluster: &Cluster| -> f64 {
        let live = cluster.nodes.iter().enumerate().filter(|(node, _)| *node != place.node);
        live.map(|(_, server)| metric(&server.http, &["godwit_learns_offered_total{"]).unwrap_or_default()).sum()
    };
    let (lost_before, learns_before) =
        (metric(&cluster.node(place.node)?.http, &["godwit_lease_losses_total{"])?, learns(&cluster));
    cluster.node(place.node)?.process.pause()?;
    wait::until("another primary", READY_WITHIN, async || {
        let config = cluster.config(TABLE, place.gpid).await?;
        wait::holds(config.primary.is_some_and(|primary| primary.peer != place.peer), || format!("{config:?}"))
    })
    .await?;
    // A client that still asks the old one has to wait for its deadline first.
    wait::until("a write", READY_WITHIN, async || Ok(store.put("meanwhile".into(), "v".into()).await?)).await?;
    cluster.node(place.node)?.process.resume()?;
    cluster.healthy(TABLE).await?;
    wait::until("the lost lease and the learn", Duration::from_secs(20), async || {
        let lost = metric(&cluster.node(place.node)?.http, &["godwit_lease_losses_total{"])? - lost_before;
        let learned = learns(&cluster) - learns_before;
        wait::holds(lost >= 1.0 && learned >= 1.0, || format!("{lost} leases lost, {learned} learns offered"))
    })
    .await
}
