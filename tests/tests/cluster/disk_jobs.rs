//! What operators ask of moves: cancel, rates, purge, garbage, a queue that survives; all by `admin-cli`, as they do.

use std::time::Duration;

use anyhow::{Context as _, Result};
use common::job::{JobOutcome, JobState};
use common::rpc::ErrorCode;
use common::rpc::node_admin::{DiskMigrate, JobName};
use common::types::ReplicaStatus;
use serde_json::{Value, json};
use tests::cluster::Cluster;
use tests::workload::{Options, Workload};
use tests::{cli, disks, wait};
use uuid::Uuid;

use crate::support::{
    MOVE_WITHIN, Place, TABLE, after_move, ended, job_when, metric, pick, same_everywhere, store, turn,
};

/// Waits of a few seconds, on a machine that is busy.
const SOON: Duration = Duration::from_secs(60);

async fn loaded(partitions: u32) -> Result<(Cluster, Workload)> {
    let cluster = Cluster::start().await?;
    cluster.create(TABLE, partitions, 3).await?;
    let workload = Workload::start(store(&cluster), Options::default());
    workload.progress(1000, Duration::from_secs(20)).await?;
    Ok((cluster, workload))
}

/// A byte per second: it would take days.
fn slow(place: &Place) -> DiskMigrate {
    DiskMigrate { max_rate_bytes_per_s: Some(1), ..place.request() }
}

/// Runs a command on the place's node, with `--json`.
fn ask(cluster: &Cluster, place: &Place, command: &[&str]) -> Result<Value> {
    let address = &cluster.node(place.node)?.address;
    let (name, rest) = command.split_first().context("no command")?;
    let ran = cli::run(cluster, &[&[name, "-n", address.as_str()], rest, &["--json"]].concat())?;
    ran.json().with_context(|| format!("{command:?}"))
}

/// The code with which a command on the place's node is refused.
fn refused(cluster: &Cluster, place: &Place, command: &[&str]) -> Result<Value> {
    let address = &cluster.node(place.node)?.address;
    let (name, rest) = command.split_first().context("no command")?;
    let ran = cli::run(cluster, &[&[name, "-n", address.as_str()], rest, &["--json"]].concat())?;
    let error = ran.error()?;
    assert!(error["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{error} says what to do");
    Ok(error["code"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_cancelled_in_mid_copy_changes_nothing_and_leaves_nothing() -> Result<()> {
    let _turn = turn().await;
    let (cluster, workload) = loaded(2).await?;
    let place = pick(&cluster, ReplicaStatus::Primary).await?;
    let gpid = place.gpid.to_string();
    assert_eq!(refused(&cluster, &place, &["disk-migrate-cancel", "-g", &gpid])?, "NOT_MIGRATING");
    let id = cluster.node(place.node)?.disk_migrate(slow(&place)).await?.id;
    job_when(&cluster, place.node, id, |job| job.state == JobState::Moving && job.bytes_total > 0).await?;
    wait::until("the copy", SOON, async || {
        let copies = disks::holding(cluster.node(place.node)?, &disks::copying(place.gpid));
        wait::holds(copies == [place.other_disk()], || format!("{copies:?}"))
    })
    .await?;
    let cancelled = ask(&cluster, &place, &["disk-migrate-cancel", "-g", &gpid, "--wait"])?;
    let job = &cancelled["job"];
    assert_eq!((&job["id"], &job["state"], &job["outcome"]), (&json!(id), &json!("IDLE"), &json!("cancelled")));
    assert_eq!(refused(&cluster, &place, &["disk-migrate-cancel", "--id", &id.to_string()])?, "JOB_ENDED");
    let unknown = Uuid::from_u128(9).to_string();
    assert_eq!(refused(&cluster, &place, &["disk-migrate-cancel", "--id", &unknown])?, "UNKNOWN_JOB");
    let config = cluster.config(TABLE, place.gpid).await?;
    assert_eq!(config.primary.map(|primary| primary.peer), Some(place.peer), "handed back");
    let report = after_move(&cluster, &place, &place.disk, workload).await?;
    assert_eq!(report.failed, 0, "{:?}", report.failures);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_past_closed_cannot_be_cancelled_and_arrives() -> Result<()> {
    let _turn = turn().await;
    let (mut cluster, workload) = loaded(1).await?;
    let place = pick(&cluster, ReplicaStatus::Secondary).await?;
    let process = &mut cluster.node_mut(place.node)?.process;
    process.stop(SOON).await?;
    process.start_with(&["--enable-fault-injection"], &[("GODWIT_FAULT", "move.learning=hang:5000")])?;
    cluster.healthy(TABLE).await?;
    let server = cluster.node(place.node)?;
    let request = server.disk_migrate(place.request()).await?;
    job_when(&cluster, place.node, request.id, |job| job.state == JobState::Learning).await?;
    let cancel = server.ask(async |n, deadline| n.disk_migrate_cancel(deadline, JobName::Id(request.id)).await).await;
    assert_eq!(cancel.unwrap_err().code, ErrorCode::NotCancellable);
    assert_eq!(ended(&cluster, place.node, request.id).await?.outcome, JobOutcome::Completed);
    after_move(&cluster, &place, &place.other_disk(), workload).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rates_are_changed_while_a_move_copies_and_survive_a_restart() -> Result<()> {
    let _turn = turn().await;
    let (mut cluster, workload) = loaded(1).await?;
    let place = pick(&cluster, ReplicaStatus::Secondary).await?;
    let id = cluster.node(place.node)?.disk_migrate(slow(&place)).await?.id;
    let throttled = |by: &'static str| {
        let (cluster, place) = (&cluster, &place);
        wait::until("what holds the copy back", SOON, async move || {
            let rates = ask(cluster, place, &["disk-migrate-rate"])?;
            wait::holds(rates["jobs"][0]["throttled_by"] == by, || rates.to_string())
        })
    };
    throttled("rate_limit").await?;
    let changed = ask(&cluster, &place, &["disk-migrate-rate", "1"])?;
    assert_eq!((&changed["rates"]["max_rate_bytes_per_s"], &changed["rates"]["changed"]), (&json!(1), &json!(true)));
    let of_job = ask(&cluster, &place, &["disk-migrate-rate", "--id", &id.to_string(), "0"])?;
    assert_eq!(of_job["jobs"][0]["max_rate_bytes_per_s"], 0);
    throttled("node_limit").await?;
    let process = &mut cluster.node_mut(place.node)?.process;
    process.kill()?;
    process.start()?;
    cluster.all_alive().await?;
    let kept = wait::until("the node serves", SOON, async || ask(&cluster, &place, &["disk-migrate-rate"])).await?;
    assert_eq!((&kept["rates"]["max_rate_bytes_per_s"], &kept["rates"]["changed"]), (&json!(1), &json!(true)));
    let back = ask(&cluster, &place, &["disk-migrate-rate", "default"])?;
    assert_eq!(back["rates"]["max_rate_bytes_per_s"], back["rates"]["default_bytes_per_s"]);
    let job = ended(&cluster, place.node, id).await?;
    assert_eq!((job.outcome, job.throttled_by), (JobOutcome::Completed, None), "{job:?}");
    assert_eq!(refused(&cluster, &place, &["disk-migrate-rate", "--id", &id.to_string(), "1MiB"])?, "JOB_ENDED");
    after_move(&cluster, &place, &place.other_disk(), workload).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn origins_are_purged_with_their_move_or_removed_by_hand() -> Result<()> {
    let _turn = turn().await;
    let (cluster, workload) = loaded(2).await?;
    let mut place = pick(&cluster, ReplicaStatus::Secondary).await?;
    let (gpid, first) = (place.gpid.to_string(), place.disk.clone());
    let origins =
        |place: &Place| Ok::<_, anyhow::Error>(disks::holding(cluster.node(place.node)?, &disks::origin(place.gpid)));
    let moved = |purge: &'static [&'static str], place: &Place| {
        let to = place.other_disk();
        let command = [&["disk-migrate", "-g", &gpid, "-f", &place.disk, "-t", &to, "--wait"], purge].concat();
        ask(&cluster, place, &command)
    };
    let job = moved(&["--purge-origin"], &place)?;
    assert_eq!((&job["job"]["outcome"], &job["job"]["purge_origin"]), (&json!("completed"), &json!(true)));
    assert!(origins(&place)?.is_empty(), "purged");
    place.disk = place.other_disk();
    cluster.healthy(TABLE).await?;
    moved(&[], &place)?;
    assert_eq!(origins(&place)?, [place.disk.as_str()]);
    let listed = ask(&cluster, &place, &["disk-gc"])?;
    let [dir] = listed["garbage"].as_array().context("no list")?.as_slice() else { panic!("{listed}") };
    assert_eq!((&dir["kind"], &dir["gpid"], &dir["disk"]), (&json!("ori"), &json!(gpid), &json!(place.disk)));
    assert!(dir["size_bytes"].as_u64() > Some(0) && dir["due_at"].is_string() && dir["kept"].is_null(), "{dir}");
    assert_eq!(refused(&cluster, &place, &["disk-gc", "--remove"])?, "INVALID_ARGUMENT");
    assert_eq!(refused(&cluster, &place, &["disk-gc", "-d", "disk9"])?, "UNKNOWN_DISK");
    ask(&cluster, &place, &["disk-gc", "--remove", "--all", "--dry-run"])?;
    assert_eq!(origins(&place)?.len(), 1, "a dry run removes nothing");
    let removed = ask(&cluster, &place, &["disk-gc", "--remove", "--all"])?;
    assert_eq!(
        (&removed["garbage"][0]["removed"], &removed["totals"]["removed_directories"]),
        (&json!(true), &json!(1))
    );
    assert!(origins(&place)?.is_empty());
    assert_eq!(ask(&cluster, &place, &["disk-gc"])?["garbage"], json!([]));
    let watched = ask(&cluster, &place, &["disk-migrate-report", "--watch"])?;
    assert_eq!(watched["jobs"].as_array().map(Vec::len), Some(2), "one document, since nothing runs any more");
    assert_eq!(refused(&cluster, &place, &["disk-capacity", "--watch"])?, "INVALID_ARGUMENT");
    let report = after_move(&cluster, &place, &first, workload).await?;
    assert_eq!(report.failed, 0, "{:?}", report.failures);
    Ok(())
}

/// All replicas of a node, each with the disk on which it lies.
async fn all_on(cluster: &Cluster, node: usize) -> Result<Vec<Place>> {
    let peer = cluster.peer_of(node).await?;
    let disks = cluster.node(node)?.disks().await?;
    let of_disk = |disk: common::rpc::node_admin::DiskInfo| {
        let tag = disk.disk;
        disk.replicas.into_iter().map(move |replica| Place { node, peer, gpid: replica.gpid, disk: tag.clone() })
    };
    Ok(disks.into_iter().flat_map(of_disk).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_of_moves_survives_a_kill_in_its_order_and_so_does_its_history() -> Result<()> {
    let _turn = turn().await;
    let (mut cluster, workload) = loaded(4).await?;
    let places = all_on(&cluster, 0).await?;
    assert_eq!(places.len(), 4);
    let first = &places[0];
    ask(&cluster, first, &["disk-migrate-rate", "1"])?;
    let mut ids = Vec::new();
    for place in &places {
        ids.push(cluster.node(0)?.disk_migrate(place.request()).await?.id);
    }
    job_when(&cluster, 0, ids[0], |job| job.state == JobState::Moving).await?;
    let waiting = cluster.node(0)?.jobs().await?;
    let states: Vec<_> = waiting.iter().map(|job| (job.id, job.started_at_ms.is_some())).collect();
    assert_eq!(states, ids.iter().enumerate().map(|(n, id)| (*id, n == 0)).collect::<Vec<_>>(), "one per disk");
    assert!(metric(&cluster.node(0)?.http, &["godwit_migrate_queued"])? == 3.0);
    assert_eq!(refused(&cluster, first, &["disk-remove", "-d", "disk2"])?, "BUSY", "moves to it wait");
    let process = &mut cluster.node_mut(0)?.process;
    process.kill()?;
    process.start()?;
    cluster.healthy(TABLE).await?;
    ask(&cluster, first, &["disk-migrate-rate", "0"])?;
    for id in &ids {
        let job = ended(&cluster, 0, *id).await?;
        assert_eq!(job.outcome, JobOutcome::Completed, "{job:?}");
    }
    cluster.healthy(TABLE).await?;
    let process = &mut cluster.node_mut(0)?.process;
    process.stop(MOVE_WITHIN).await?;
    process.start()?;
    cluster.healthy(TABLE).await?;
    let history = cluster.node(0)?.jobs().await?;
    assert_eq!(history.iter().map(|job| job.id).collect::<Vec<_>>(), ids);
    let started: Vec<_> = history.iter().map(|job| job.started_at_ms).collect();
    assert!(started.is_sorted() && started.iter().all(Option::is_some), "in the order of the queue: {started:?}");
    assert!(history.iter().all(|job| job.history.len() >= 7 && job.finished_at_ms.is_some()), "{history:?}");
    workload.finish().await?;
    same_everywhere(&cluster).await
}
