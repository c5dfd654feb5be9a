//! The only copy of a partition: nobody else can bring back what its move loses.

use anyhow::{Context as _, Result, ensure};
use common::job::JobOutcome;

use super::trial::{Trial, WITHIN};
use crate::support::{ended, share};

/// The points of the window, in which the partition has no other copy and no primary.
const WINDOW: [&str; 6] =
    ["move.left", "move.seal", "move.rename-target", "move.rename-origin", "move.renamed", "move.learning"];

#[tokio::test(flavor = "multi_thread")]
async fn the_only_copy_survives_a_kill_at_any_point_of_its_window() -> Result<()> {
    let _share = share().await;
    let mut trial = Trial::start_alone().await?;
    for point in WINDOW {
        trial.arm(Some(&format!("{point}=kill"))).await?;
        let job = trial.begin().await?.id;
        trial.cluster.node_mut(0)?.process.exited(WITHIN).await?;
        trial.start_node(None)?;
        trial.whole(Some(job)).await.context(point)?;
    }
    trial.finish().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_copy_whose_target_refuses_in_the_window_serves_again_from_its_origin() -> Result<()> {
    let _share = share().await;
    let mut trial = Trial::start_alone().await?;
    for point in WINDOW {
        trial.arm(Some(&format!("{point}=error"))).await?;
        let id = trial.begin().await?.id;
        let job = ended(&trial.cluster, 0, id).await.context(point)?;
        ensure!(job.outcome == JobOutcome::Failed, "{point}: {job:?}");
        trial.workload.progress(100, WITHIN).await.context(point)?;
        trial.whole(Some(id)).await.context(point)?;
    }
    trial.finish().await
}
