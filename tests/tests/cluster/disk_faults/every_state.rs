//! A move is held in each of its states while something happens beside it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use common::fs::durable_rename;
use common::job::JobState;
use tests::wait;
use uuid::Uuid;

use super::trial::{Trial, WITHIN};
use crate::support::{TABLE, share};

/// The states in which a move can be held, each with the point that holds it.
const STATES: [(JobState, &str); 5] = [
    (JobState::Start, "move.start"),
    (JobState::Moving, "move.copy"),
    (JobState::Moved, "move.moved"),
    (JobState::Closed, "move.seal"),
    (JobState::Learning, "move.learning"),
];

/// So long a move is held: longer than what is done meanwhile takes, shorter than anybody's patience.
const HELD_MS: u64 = 6000;

/// Longer than lease and grace.
const FROZEN: Duration = Duration::from_secs(5);

/// What happens beside the move.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    MetaServerGone,
    PrimaryKilled,
    NodeFrozen,
    TargetDiskAbsent,
    SourceDiskAbsent,
}

/// A move that is held in the state.
async fn held(trial: &mut Trial, state: JobState, point: &str) -> Result<Uuid> {
    trial.arm(Some(&format!("{point}=hang:{HELD_MS}"))).await?;
    let job = trial.begin().await?.id;
    trial.reaches(job, state).await?;
    Ok(job)
}

/// The node that leads the moving replica's partition now, if it is another.
async fn leader(trial: &Trial) -> Result<Option<usize>> {
    let config = trial.cluster.config(TABLE, trial.place.gpid).await?;
    let Some(primary) = config.primary.filter(|primary| primary.peer != trial.place.peer) else { return Ok(None) };
    trial.cluster.index_of(primary.peer).await.map(Some)
}

async fn happens(trial: &mut Trial, trouble: Trouble) -> Result<()> {
    match trouble {
        Trouble::MetaServerGone => {
            trial.cluster.meta.kill()?;
            trial.workload.progress(300, WITHIN).await?;
            trial.cluster.meta.start()
        }
        Trouble::PrimaryKilled => {
            let leader = leader(trial).await?.unwrap_or(1);
            trial.cluster.node_mut(leader)?.process.kill()?;
            trial.workload.progress(100, WITHIN).await?;
            trial.cluster.node_mut(leader)?.process.start()
        }
        Trouble::NodeFrozen => {
            trial.cluster.node_mut(0)?.process.pause()?;
            tokio::time::sleep(FROZEN).await;
            trial.workload.progress(100, WITHIN).await?;
            trial.cluster.node_mut(0)?.process.resume()
        }
        Trouble::TargetDiskAbsent => absent_at_restart(trial, &trial.place.other_disk()).await,
        Trouble::SourceDiskAbsent => absent_at_restart(trial, &trial.place.disk.clone()).await,
    }
}

/// The node dies, comes back without one of its disks, and then once more with it.
async fn absent_at_restart(trial: &mut Trial, disk: &str) -> Result<()> {
    let node = trial.cluster.node_mut(0)?;
    node.process.kill()?;
    let path = node.disks.iter().find(|(tag, _)| tag == disk).map(|(_, path)| path.clone()).context("no such disk")?;
    let away = path.with_extension("away");
    durable_rename(&path, &away)?;
    std::fs::create_dir(&path)?;
    trial.start_node(None)?;
    // The meta server may not have missed it, so the node itself is asked.
    wait::until("the node without its disk", WITHIN, async || Ok(trial.cluster.node(0)?.disks().await?)).await?;
    trial.workload.progress(100, WITHIN).await?;
    trial.cluster.node_mut(0)?.process.kill()?;
    std::fs::remove_dir_all(&path)?;
    durable_rename(&away, &path)?;
    trial.start_node(None)
}

async fn survives_in_every_state(trouble: Trouble) -> Result<()> {
    let _share = share().await;
    let mut trial = Trial::start().await?;
    for (state, point) in STATES {
        eprintln!("{trouble:?} in {state}");
        let context = || format!("{trouble:?} in {state}");
        let job = held(&mut trial, state, point).await.with_context(context)?;
        happens(&mut trial, trouble).await.with_context(context)?;
        trial.whole(Some(job)).await.with_context(context)?;
    }
    trial.finish().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meta_server_that_goes_in_any_state_of_a_move_does_no_harm() -> Result<()> {
    survives_in_every_state(Trouble::MetaServerGone).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_is_killed_in_any_state_of_a_move_does_no_harm() -> Result<()> {
    survives_in_every_state(Trouble::PrimaryKilled).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stands_still_past_its_lease_in_any_state_of_a_move_does_no_harm() -> Result<()> {
    survives_in_every_state(Trouble::NodeFrozen).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_absent_at_a_restart_in_any_state_of_a_move_does_no_harm() -> Result<()> {
    survives_in_every_state(Trouble::TargetDiskAbsent).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_absent_at_a_restart_in_any_state_of_a_move_does_no_harm() -> Result<()> {
    survives_in_every_state(Trouble::SourceDiskAbsent).await
}
