//! A node stands still in the midst of a move, for so long that its copy is made anew elsewhere.

use std::time::Duration;

use anyhow::Result;
use common::job::{JobOutcome, JobState};
use common::rpc::node_admin::DiskMigrate;
use common::types::ReplicaStatus;
use tests::cluster::{Cluster, Options};
use tests::workload::Bulk;
use tests::{disks, wait};

use crate::support::{TABLE, ended, job_when, pick, same_everywhere, share, store};

/// A few writes: nobody notices that a member is gone before something waits for it.
const WRITES: Bulk = Bulk { rows: 100, value_bytes: 100 };
/// The lock of a job counts for a minute while its node is silent.
const MADE_ANEW_WITHIN: Duration = Duration::from_secs(150);
/// Well below the two minutes for which a copy is waited for that may become a secondary again.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_move_of_a_copy_that_was_replaced_meanwhile_gives_up_and_its_lock_back() -> Result<()> {
    let _share = share().await;
    let meta_settings = vec![("replica_lost_delay", "1s".to_owned()), ("node_steady_after", "0s".to_owned())];
    let cluster = Cluster::start_with(Options { nodes: 4, meta_settings, ..Options::default() }).await?;
    cluster.create(TABLE, 1, 3).await?;
    WRITES.write(&store(&cluster)).await?;
    let place = pick(&cluster, ReplicaStatus::Secondary).await?;
    let node = cluster.node(place.node)?;
    // A byte per second: it would take days.
    let slow = DiskMigrate { max_rate_bytes_per_s: Some(1), ..place.request() };
    let id = node.disk_migrate(slow).await?.id;
    job_when(&cluster, place.node, id, |job| job.state == JobState::Moving && job.bytes_total > 0).await?;
    // The lock of a job that the meta server has not heard of counts for longer.
    wait::until("the job to be reported", MADE_ANEW_WITHIN, async || {
        let jobs = cluster.ask(async |meta, deadline| meta.jobs(deadline, None).await).await?;
        wait::holds(jobs.iter().any(|job| job.id == id), || format!("{jobs:?}"))
    })
    .await?;
    node.process.pause()?;
    WRITES.write(&store(&cluster)).await?;
    wait::until("the copy made anew elsewhere", MADE_ANEW_WITHIN, async || {
        let config = cluster.config(TABLE, place.gpid).await?;
        wait::holds(config.is_healthy() && !config.is_member(place.peer), || format!("{config:?}"))
    })
    .await?;
    node.process.resume()?;
    let job = tokio::time::timeout(GIVEN_UP_WITHIN, ended(&cluster, place.node, id)).await??;
    let cause = job.last_error.clone().unwrap_or_default();
    assert!(job.outcome == JobOutcome::Failed && cause.contains("complete without this copy"), "{job:?}");
    // Nothing is set aside while a job has the partition locked.
    wait::until("the old copy set aside", GIVEN_UP_WITHIN, async || {
        let live = disks::holding(cluster.node(place.node)?, &disks::live(place.gpid));
        wait::holds(live.is_empty(), || format!("{live:?}"))
    })
    .await?;
    cluster.healthy(TABLE).await?;
    same_everywhere(&cluster).await
}
