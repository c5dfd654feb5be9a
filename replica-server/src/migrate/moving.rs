//! MOVING: pre-copy rounds while writes flow, until what is left is small or stops shrinking.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::fault::Point;
use common::fs::{CopyContext, CopyError, remove_dir_durable};
use common::job::JobState;
use common::types::Time;
use parking_lot::Mutex;
use replica_state::migrate::{Verdict, after_round};

use super::compaction::HeldCompaction;
use super::driver::Driver;
use super::error::MoveError;
use super::host::{MoveHost, MovingReplica};
use super::job_cell::JobCell;
use super::manifest::Manifest;
use super::round::{Notes, Plan, Source};
use super::watch::Watch;
use super::{ready, round};
use crate::disk::layout;
use crate::storage::Storage;

pub(super) fn run<H: MoveHost>(driver: &mut Driver<H>) -> Result<JobState, MoveError> {
    let tmp = driver.tmp()?;
    let fresh = Manifest::new(driver.cell.id(), driver.gpid());
    let mut manifest = Manifest::read(&tmp).ok().filter(|manifest| manifest.job == fresh.job).unwrap_or(fresh);
    // Rounds before a restart say nothing of how this run shrinks.
    manifest.rounds.clear();
    let mut before = None;
    loop {
        let replica = ready::to_go_on(driver)?;
        if !manifest.rounds.is_empty() {
            hold_compaction(driver, &replica.storage)?;
        }
        before = Some(one_round(driver, &tmp, &mut manifest, &replica, before)?);
        let verdict = after_round(&manifest.rounds);
        tracing::info!(gpid = %driver.gpid(), rounds = ?manifest.rounds, ?verdict, "pre-copy round");
        if verdict != Verdict::Another {
            return Ok(JobState::Moved);
        }
    }
}

fn hold_compaction<H: MoveHost>(driver: &mut Driver<H>, storage: &Storage) -> Result<(), MoveError> {
    if !driver.compaction.as_ref().is_some_and(|held| held.holds(storage)) && driver.compaction.is_none() {
        let held = HeldCompaction::hold(storage, &driver.clock, driver.options.hold_compaction)?;
        driver.compaction = Some(held);
    }
    Ok(())
}

/// Takes a checkpoint and copies what is new in it. Returns where the checkpoint stands; the one before is removed.
fn one_round<H: MoveHost>(
    driver: &mut Driver<H>,
    tmp: &Path,
    manifest: &mut Manifest,
    replica: &MovingReplica,
    before: Option<PathBuf>,
) -> Result<PathBuf, MoveError> {
    let source_disk = driver.source()?;
    let dir = layout::checkpoint_dir(source_disk.path(), driver.cell.id(), manifest.rounds.len());
    driver.pass(Point::MoveCheckpoint, &dir)?;
    remove_dir_durable(&dir).map_err(MoveError::io(&dir))?;
    let checkpoint = replica.storage.checkpoint(&dir)?;
    let database = replica.storage.database_id()?;
    let (dir_ref, before_ref) = (dir.as_path(), before.as_deref());
    let incarnation = replica.incarnation;
    let source = Source { dir: dir_ref, checkpoint: &checkpoint, before: before_ref, incarnation, database: &database };
    copy_round(driver, tmp, manifest, &source)?;
    driver.cell.sample(&driver.meters);
    if let Some(before) = before {
        remove_dir_durable(&before).map_err(MoveError::io(&before))?;
    }
    Ok(dir)
}

fn copy_round<H: MoveHost>(
    driver: &mut Driver<H>,
    tmp: &Path,
    manifest: &mut Manifest,
    source: &Source<'_>,
) -> Result<(), MoveError> {
    let (cell, throttle, watch) = (Arc::clone(&driver.cell), driver.cell.throttle.clone(), Watch::begin(driver));
    let held = Mutex::new(&mut driver.compaction);
    let meter = Mutex::new(Meter { since: driver.clock.mono(), bytes: 0 });
    let (clock, meters) = (driver.clock.clone(), Arc::clone(&driver.meters));
    let progress = |bytes| {
        meters.copied(bytes);
        meter.lock().passed(bytes, clock.mono(), &cell);
        if let Some(held) = held.lock().as_mut() {
            held.look();
        }
    };
    let context = CopyContext { throttle: &throttle, cancel: watch.cancel(), progress: &progress };
    let plan = round::plan(tmp, manifest, source, &context).map_err(|error| watch.explain(error))?;
    note_plan(&cell, source, &plan);
    let notes = Notes::new(&driver.clock, driver.options.note_every);
    let copied = round::copy(tmp, manifest, source, plan, &context, notes);
    let report = copied.inspect_err(|error| note_disk(driver, error)).map_err(|error| watch.explain(error))?;
    let (gpid, job, verified) = (driver.gpid(), driver.cell.id(), report.verified);
    tracing::info!(%gpid, %job, copied = ?report.copied, ?verified, whole = ?report.whole, "copied and read back");
    Ok(())
}

/// What stands in the copy at the first round of a process was copied and verified by an earlier one. The record may say
/// less or more: progress is not made durable.
fn note_plan(cell: &JobCell, source: &Source<'_>, plan: &Plan<'_>) {
    cell.note(|record| {
        if source.before.is_none() {
            record.job.bytes_resumed = plan.kept_bytes;
            record.job.bytes_done = plan.kept_bytes;
        }
        record.job.bytes_total = record.job.bytes_done + plan.bytes;
    });
}

/// A target that is full or broken is noted, so that the next move is refused before it begins.
fn note_disk<H: MoveHost>(driver: &Driver<H>, error: &MoveError) {
    let (MoveError::Io { error, path } | MoveError::Copy(CopyError::Io { error, path, .. })) = error else { return };
    if let Some(disk) = driver.disks.disks().iter().find(|disk| path.starts_with(disk.path())) {
        disk.note(error);
    }
}

/// Measures the rate that operators see.
struct Meter {
    since: Time,
    bytes: u64,
}

impl Meter {
    fn passed(&mut self, bytes: u64, now: Time, cell: &JobCell) {
        self.bytes += bytes;
        let micros = now.since(self.since).as_micros();
        let rate = (micros >= 500_000).then(|| u128::from(self.bytes) * 1_000_000 / micros);
        if rate.is_some() {
            (self.since, self.bytes) = (now, 0);
        }
        cell.note(|record| {
            record.job.bytes_done += bytes;
            if let Some(rate) = rate {
                record.job.rate_bytes_per_s = u64::try_from(rate).ok();
            }
        });
    }
}
