//! Writes, reads, and what happens to them when a server dies, stalls or leaves.

use std::time::Duration;

use anyhow::Result;
use client::{Scope, TimeToLive};
use common::types::ReplicaStatus;
use tests::cluster::Cluster;
use tests::workload::{Options, Workload};

use crate::support::{TABLE, pick, same_everywhere, store, turn};

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_does_what_it_says_and_all_members_hold_the_same() -> Result<()> {
    let _turn = turn().await;
    let cluster = Cluster::start().await?;
    cluster.create(TABLE, 4, 3).await?;
    let store = store(&cluster);
    let table = store.table();
    table.put(b"h", b"1", "one").await?;
    table.multi_put(b"h", [(b"2", "two"), (b"3", "three")], None).await?;
    assert_eq!(table.get(b"h", b"1").await?.as_deref(), Some(&b"one"[..]));
    let values = table.multi_get(b"h", &[b"3", b"4"]).await?;
    assert_eq!((values[0].as_deref(), values[1].as_deref()), (Some(&b"three"[..]), None));
    table.delete(b"h", b"2").await?;
    assert_eq!(table.get(b"h", b"2").await?, None);
    assert_eq!(table.increment(b"n", b"", 5).await?, 5);
    assert_eq!(table.increment(b"n", b"", -7).await?, -2);
    let swapped = table.compare_and_set(b"h", b"1", Some(b"one"), Some("uno".into()), None).await?;
    let refused = table.compare_and_set(b"h", b"1", Some(b"one"), Some("eins".into()), None).await?;
    assert_eq!((swapped.written, refused.written, refused.previous.as_deref()), (true, false, Some(&b"uno"[..])));
    table.put_with_ttl(b"h", b"5", "short", Duration::from_secs(60)).await?;
    assert!(matches!(table.ttl(b"h", b"5").await?, TimeToLive::Left(left) if left <= Duration::from_secs(60)));
    let page = table.scan(Scope::HashKey(b"h".to_vec().into())).next_page().await?.unwrap_or_default();
    let sort_keys: Vec<_> = page.iter().map(|record| record.sort_key.clone()).collect();
    assert_eq!(sort_keys, [&b"1"[..], b"3", b"5"]);
    assert_eq!(table.count(Scope::Table).await?, 4);
    same_everywhere(&cluster).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_primary_is_succeeded_and_nothing_acknowledged_is_lost() -> Result<()> {
    let _turn = turn().await;
    let mut cluster = Cluster::start().await?;
    cluster.create(TABLE, 4, 3).await?;
    let workload = Workload::start(store(&cluster), Options::default());
    workload.progress(500, Duration::from_secs(20)).await?;
    let primary = pick(&cluster, ReplicaStatus::Primary).await?;
    cluster.node_mut(primary.node)?.process.kill()?;
    workload.progress(2000, Duration::from_secs(30)).await?;
    let config = cluster.config(TABLE, primary.gpid).await?;
    assert_ne!(config.primary.map(|p| p.peer), Some(primary.peer), "a secondary took over");
    cluster.node_mut(primary.node)?.process.start()?;
    cluster.healthy(TABLE).await?;
    workload.progress(500, Duration::from_secs(20)).await?;
    workload.finish().await?;
    same_everywhere(&cluster).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_was_paused_past_its_lease_serves_nothing_stale() -> Result<()> {
    let _turn = turn().await;
    let cluster = Cluster::start().await?;
    cluster.create(TABLE, 4, 3).await?;
    let workload = Workload::start(store(&cluster), Options::default());
    workload.progress(500, Duration::from_secs(20)).await?;
    let primary = pick(&cluster, ReplicaStatus::Primary).await?;
    cluster.node(primary.node)?.process.pause()?;
    workload.progress(500, Duration::from_secs(30)).await?;
    cluster.node(primary.node)?.process.resume()?;
    cluster.healthy(TABLE).await?;
    workload.progress(500, Duration::from_secs(20)).await?;
    workload.finish().await?;
    same_everywhere(&cluster).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_told_to_stop_hands_over_and_fails_no_operation() -> Result<()> {
    let _turn = turn().await;
    let mut cluster = Cluster::start().await?;
    cluster.create(TABLE, 4, 3).await?;
    let workload = Workload::start(store(&cluster), Options::default());
    workload.progress(500, Duration::from_secs(20)).await?;
    let primary = pick(&cluster, ReplicaStatus::Primary).await?;
    let status = cluster.node_mut(primary.node)?.process.stop(Duration::from_secs(30)).await?;
    assert!(status.success(), "{status}");
    workload.progress(1000, Duration::from_secs(30)).await?;
    cluster.node_mut(primary.node)?.process.start()?;
    cluster.healthy(TABLE).await?;
    let report = workload.finish().await?;
    assert_eq!(report.failed, 0, "{:?}", report.failures);
    same_everywhere(&cluster).await
}
