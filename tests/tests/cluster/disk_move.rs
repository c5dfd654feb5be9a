//! The main job: a replica moves from disk to disk while its table is written and read.

use std::time::Duration;

use anyhow::Result;
use common::job::{JobOutcome, JobState};
use common::rpc::ErrorCode;
use common::rpc::node_admin::DiskMigrate;
use common::types::{Gpid, ReplicaStatus};
use tests::cluster::{Cluster, Options as ClusterOptions};
use tests::disks;
use tests::workload::{Options, Workload};

use crate::support::{Place, TABLE, after_move, ended, pick, store, turn};

const ALL_STATES: [JobState; 7] = [
    JobState::Idle,
    JobState::Start,
    JobState::Moving,
    JobState::Moved,
    JobState::Closed,
    JobState::Learning,
    JobState::Completed,
];

async fn loaded(partitions: u32, replicas: u32) -> Result<(Cluster, Workload)> {
    let cluster = Cluster::start_with(ClusterOptions::patient()).await?;
    cluster.create(TABLE, partitions, replicas).await?;
    let workload = Workload::start(store(&cluster), Options::default());
    workload.progress(1000, Duration::from_secs(20)).await?;
    Ok((cluster, workload))
}

/// Moves, and checks what the job says of it.
async fn moved(cluster: &Cluster, place: &Place) -> Result<()> {
    let job = cluster.node(place.node)?.disk_migrate(place.request()).await?;
    assert_eq!(job.outcome, JobOutcome::Running);
    let job = ended(cluster, place.node, job.id).await?;
    assert_eq!((job.outcome, job.last_error.as_deref()), (JobOutcome::Completed, None));
    let states: Vec<JobState> = job.history.iter().map(|step| step.state).collect();
    assert_eq!(states, ALL_STATES);
    assert!(job.window_ms.is_some() && job.learn_kind.is_some() && job.bytes_done > 0, "{job:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secondary_moves_under_load_and_not_one_operation_fails() -> Result<()> {
    let _turn = turn().await;
    let (cluster, workload) = loaded(2, 3).await?;
    let place = pick(&cluster, ReplicaStatus::Secondary).await?;
    moved(&cluster, &place).await?;
    assert_eq!(disks::holding(cluster.node(place.node)?, &disks::origin(place.gpid)), [place.disk.as_str()]);
    let report = after_move(&cluster, &place, &place.other_disk(), workload).await?;
    assert_eq!(report.failed, 0, "{:?}", report.failures);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_moves_under_load_and_is_primary_again() -> Result<()> {
    let _turn = turn().await;
    let (cluster, workload) = loaded(2, 3).await?;
    let place = pick(&cluster, ReplicaStatus::Primary).await?;
    moved(&cluster, &place).await?;
    let config = cluster.healthy(TABLE).await?.configs.into_iter().find(|config| config.gpid == place.gpid);
    assert_eq!(config.and_then(|config| config.primary).map(|primary| primary.peer), Some(place.peer));
    let report = after_move(&cluster, &place, &place.other_disk(), workload).await?;
    assert_eq!(report.failed, 0, "{:?}", report.failures);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_moves_there_and_back_and_there_again() -> Result<()> {
    let _turn = turn().await;
    let (cluster, workload) = loaded(2, 3).await?;
    let first = pick(&cluster, ReplicaStatus::Secondary).await?;
    let mut place = first.clone();
    for _ in 0..3 {
        moved(&cluster, &place).await?;
        place.disk = place.other_disk();
        cluster.healthy(TABLE).await?;
    }
    let report = after_move(&cluster, &place, &first.other_disk(), workload).await?;
    assert_eq!(report.failed, 0, "{:?}", report.failures);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_replica_of_a_partition_moves_too() -> Result<()> {
    let _turn = turn().await;
    let (cluster, mut workload) = loaded(2, 1).await?;
    let place = pick(&cluster, ReplicaStatus::Primary).await?;
    let job = cluster.node(place.node)?.disk_migrate(place.request()).await?;
    let job = ended(&cluster, place.node, job.id).await?;
    assert_eq!((job.outcome, job.last_error.as_deref()), (JobOutcome::Completed, None));
    workload.progress(500, Duration::from_secs(20)).await?;
    workload.pause().await;
    after_move(&cluster, &place, &place.other_disk(), workload).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_moved_is_refused_with_its_own_error_and_a_hint() -> Result<()> {
    let _turn = turn().await;
    let cluster = Cluster::start().await?;
    cluster.create(TABLE, 2, 3).await?;
    let (secondary, primary) =
        (pick(&cluster, ReplicaStatus::Secondary).await?, pick(&cluster, ReplicaStatus::Primary).await?);
    let good = secondary.request();
    let refusals = [
        (&secondary, DiskMigrate { gpid: Gpid::new(9, 0), ..good.clone() }, ErrorCode::UnknownReplica),
        (&secondary, DiskMigrate { target: good.source.clone(), ..good.clone() }, ErrorCode::SameDisk),
        (&secondary, DiskMigrate { target: "disk9".to_owned(), ..good.clone() }, ErrorCode::UnknownDisk),
        (&secondary, DiskMigrate { source: "disk9".to_owned(), ..good.clone() }, ErrorCode::UnknownDisk),
        (
            &secondary,
            DiskMigrate { source: good.target.clone(), target: good.source.clone(), ..good.clone() },
            ErrorCode::NotOnDisk,
        ),
        (&primary, DiskMigrate { demote: false, ..primary.request() }, ErrorCode::NotSecondary),
    ];
    for (place, request, code) in refusals {
        let error = cluster.node(place.node)?.disk_migrate(request.clone()).await.unwrap_err();
        assert_eq!(error.code, code, "{request:?}: {error:?}");
        assert!(!error.hint.is_empty(), "{error:?} says what to do");
    }
    assert!(cluster.node(secondary.node)?.jobs().await?.is_empty(), "what was refused left no job");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_move_of_the_same_replica_is_refused_and_names_the_first() -> Result<()> {
    let _turn = turn().await;
    let (cluster, workload) = loaded(1, 3).await?;
    let place = pick(&cluster, ReplicaStatus::Secondary).await?;
    let slow = DiskMigrate { max_rate_bytes_per_s: Some(64 << 10), ..place.request() };
    let job = cluster.node(place.node)?.disk_migrate(slow).await?;
    let error = cluster.node(place.node)?.disk_migrate(place.request()).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::AlreadyMigrating);
    assert!(error.message.contains(&job.id.to_string()), "{error:?}");
    let job = ended(&cluster, place.node, job.id).await?;
    assert_eq!(job.outcome, JobOutcome::Completed, "{job:?}");
    after_move(&cluster, &place, &place.other_disk(), workload).await?;
    Ok(())
}
