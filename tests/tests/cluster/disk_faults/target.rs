//! Disks that refuse in the midst of a move: full, read-only, failing, lying.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use common::job::{Job, JobOutcome, JobState};
use common::rpc::node_admin::DiskMigrate;
use tests::cluster::Options;
use tests::disks::{self, SmallDisk};
use tests::loop_disk::LoopDisk;
use tests::wait;
use uuid::Uuid;

use super::trial::Trial;
use crate::support::{MOVE_WITHIN, ended, job_when, share};

/// At this rate the copy takes some seconds; the fault ends it before.
const SLOW: u64 = 1 << 20;

/// The move of the trial's replica goes to the disk with this tag.
async fn towards(trial: &mut Trial, tag: &str) -> Result<()> {
    if trial.place.disk == tag {
        let id = trial.begin().await?.id;
        let job = ended(&trial.cluster, 0, id).await?;
        ensure!(job.outcome == JobOutcome::Completed, "{job:?}");
        trial.whole(Some(id)).await?;
    }
    Ok(())
}

/// The job failed, its cause is kept, and nothing has changed.
async fn changed_nothing(trial: &Trial, id: Uuid, cause: &str) -> Result<Job> {
    let job = ended(&trial.cluster, 0, id).await?;
    ensure!((job.state, job.outcome) == (JobState::Idle, JobOutcome::Failed), "{job:?}");
    let error = job.last_error.clone().context("no cause is kept")?;
    ensure!(error.to_lowercase().contains(cause), "{error}");
    let on = disks::holding(trial.cluster.node(0)?, &disks::live(trial.place.gpid));
    ensure!(on == [trial.place.disk.clone()], "it is on {on:?}");
    Ok(job)
}

/// A move that a fault point makes fail before CLOSED: nothing has changed, and the next one succeeds.
async fn fails_and_then_succeeds(fault: &str, cause: &str) -> Result<()> {
    let _share = share().await;
    let mut trial = Trial::start().await?;
    trial.arm(Some(fault)).await?;
    let job = trial.begin().await?;
    changed_nothing(&trial, job.id, cause).await?;
    trial.arm(None).await?;
    let id = trial.begin().await?.id;
    let again = ended(&trial.cluster, 0, id).await?;
    ensure!(again.outcome == JobOutcome::Completed, "{again:?}");
    trial.whole(Some(id)).await?;
    trial.finish().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_that_turns_over_in_a_copied_file_is_found_before_moved() -> Result<()> {
    fails_and_then_succeeds("move.verify=flip@3", "reads back differently").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_cannot_be_read_fails_the_job_and_nothing_else() -> Result<()> {
    fails_and_then_succeeds("move.read=error@3", "input/output error").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_cannot_be_synced_fails_the_job_and_nothing_else() -> Result<()> {
    fails_and_then_succeeds("move.sync=error@2", "input/output error").await
}

/// A trial in which a slow copy to the second disk, which stands at `place`, is under way.
async fn copies_slowly_to(place: PathBuf) -> Result<(Trial, Job)> {
    let options = Options { places: vec![(0, 1, place)], ..Options::default() };
    let mut trial = Trial::start_with(options).await?;
    towards(&mut trial, "disk2").await?;
    let request = DiskMigrate { max_rate_bytes_per_s: Some(SLOW), ..trial.place.request() };
    let job = trial.begin_as(request).await?;
    let copies = |job: &Job| job.state == JobState::Moving && job.bytes_done > 0;
    let job = job_when(&trial.cluster, 0, job.id, copies).await?;
    Ok((trial, job))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_fills_up_in_the_midst_of_a_copy_is_said_to_be_full() -> Result<()> {
    let _share = share().await;
    if !SmallDisk::possible() {
        eprintln!("passed over: mounting a disk needs root");
        return Ok(());
    }
    let mount = tempfile::tempdir()?;
    let small = SmallDisk::mount(mount.path(), 768)?;
    let (mut trial, job) = copies_slowly_to(mount.path().join("data")).await?;
    wait::until("the end of the job", MOVE_WITHIN, async || {
        // What logs and compactions give back meanwhile is taken as well.
        small.fill(0)?;
        let job = trial.job(job.id).await?;
        wait::holds(!job.is_running(), || format!("{job:?}"))
    })
    .await?;
    changed_nothing(&trial, job.id, "no space").await?;
    small.relieve()?;
    trial.whole(None).await?;
    trial.workload.pause().await;
    trial.cluster.nodes.clear();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_turns_read_only_fails_the_job_and_nothing_else() -> Result<()> {
    let _share = share().await;
    if !LoopDisk::possible() {
        eprintln!("passed over: mounting a disk needs root");
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let disk = LoopDisk::make(&dir.path().join("two.img"), &dir.path().join("two"), 1024)?;
    let (mut trial, job) = copies_slowly_to(disk.path().join("data")).await?;
    disk.make_read_only()?;
    changed_nothing(&trial, job.id, "").await?;
    trial.workload.progress(100, super::trial::WITHIN).await?;
    trial.cluster.node_mut(0)?.process.kill()?;
    disk.power_on()?;
    trial.start_node(None)?;
    trial.whole(None).await?;
    trial.workload.pause().await;
    trial.cluster.nodes.clear();
    Ok(())
}
