//! Many moves: of one replica there and back, of all replicas of a node, and beside other changes.

use anyhow::{Result, ensure};
use common::job::JobOutcome;
use common::rpc::node_admin::DiskMigrate;
use tests::disks;
use uuid::Uuid;

use super::trial::{Trial, WITHIN};
use crate::support::{TABLE, ended, share};

#[tokio::test(flavor = "multi_thread")]
async fn ten_moves_of_one_replica_there_and_back_end_where_they_began() -> Result<()> {
    let _share = share().await;
    let mut trial = Trial::start().await?;
    let first = trial.place.disk.clone();
    for _ in 0..10 {
        let id = trial.begin().await?.id;
        let job = ended(&trial.cluster, 0, id).await?;
        ensure!(job.outcome == JobOutcome::Completed, "{job:?}");
        trial.place.disk = trial.place.other_disk();
        trial.cluster.healthy(TABLE).await?;
    }
    ensure!(disks::holding(trial.cluster.node(0)?, &disks::live(trial.place.gpid)) == [first]);
    trial.whole(None).await?;
    trial.finish().await
}

#[tokio::test(flavor = "multi_thread")]
async fn all_replicas_of_a_node_move_at_once() -> Result<()> {
    let _share = share().await;
    let mut trial = Trial::start().await?;
    let mut jobs: Vec<Uuid> = Vec::new();
    for disk in trial.cluster.node(0)?.disks().await? {
        for replica in &disk.replicas {
            let target = if disk.disk == "disk1" { "disk2" } else { "disk1" }.to_owned();
            let place = DiskMigrate { gpid: replica.gpid, source: disk.disk.clone(), target, ..trial.place.request() };
            jobs.push(trial.begin_as(place).await?.id);
        }
    }
    ensure!(jobs.len() == 2, "one replica of each partition");
    for id in jobs {
        let job = ended(&trial.cluster, 0, id).await?;
        ensure!(job.outcome == JobOutcome::Completed, "{job:?}");
    }
    trial.whole(None).await?;
    trial.finish().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_while_its_partition_gets_another_primary_and_loses_a_member_ends_whole() -> Result<()> {
    let _share = share().await;
    let mut trial = Trial::start().await?;
    for point in ["move.start", "move.copy", "move.moved"] {
        trial.arm(Some(&format!("{point}=hang:6000"))).await?;
        let job = trial.begin().await?;
        let config = trial.cluster.config(TABLE, trial.place.gpid).await?;
        let others: Vec<_> = config.secondaries.iter().filter(|m| m.peer != trial.place.peer).copied().collect();
        if let Some(next) = others.first() {
            trial.cluster.propose(TABLE, trial.place.gpid, next.peer).await?;
        }
        let lost = if config.primary.is_some_and(|primary| primary.peer.0 == 1) { 1 } else { 2 };
        trial.cluster.node_mut(lost)?.process.kill()?;
        trial.workload.progress(100, WITHIN).await?;
        trial.cluster.node_mut(lost)?.process.start()?;
        trial.whole(Some(job.id)).await?;
    }
    trial.finish().await
}
