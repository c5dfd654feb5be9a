//! The last duties of a job, however it ends: compaction allowed again, its files removed, the primary handed back, the
//! partition unlocked. Entered again after a crash.

use std::time::Duration;

use common::fs::{remove_dir_durable, sync_dir};
use common::job::JobOutcome;
use common::rpc::WireResult;
use common::types::ReplicaStatus;
use replica_state::migrate::can_turn_back;

use super::driver::{Driver, is_passing};
use super::error::MoveError;
use super::host::MoveHost;
use super::job_store::{Ending, JobRecord};
use super::pause::write_pause_ms;
use super::restore;
use crate::disk::{ReplicaInfo, layout, note_time};

/// How long a replica without a role is waited for.
const ROLE: Duration = Duration::from_secs(10);

pub(super) fn run<H: MoveHost>(driver: &mut Driver<H>) {
    driver.compaction = None;
    let record = driver.cell.record();
    let Some(ending) = record.ending.clone() else { return };
    let (gpid, job) = (driver.gpid(), driver.cell.id());
    remove_checkpoints(driver);
    if can_turn_back(record.job.state) {
        remove_copy(driver);
        if record.leaving {
            stay(driver);
        }
    }
    if record.left.is_some() {
        date_origin(driver);
    }
    // A copy that nobody takes back in has no role to be waited for.
    if record.job.was_primary && !driver.is_replaced() {
        await_role(driver);
        duty(driver, "the hand-back of the primary", || driver.host.hand_back(gpid));
    }
    duty(driver, "the unlock of its partition", || driver.host.unlock(gpid, job));
    if record.job.purge_origin && ending.outcome == JobOutcome::Completed {
        purge_origin(driver);
    }
    if record.job.write_pause_ms.is_none()
        && let Some(pause_ms) = write_pause_ms(driver)
    {
        driver.cell.note(|record| record.job.write_pause_ms = Some(pause_ms));
    }
    if !driver.stop.is_cancelled() {
        finish(driver, &record, ending);
    }
}

/// The replica asked to leave, and may be out by now, or be let go any time: the job ends only when it is known to stay.
/// Without the lock nothing that it asked for is granted any more; what was granted before is then taken back.
fn stay<H: MoveHost>(driver: &Driver<H>) {
    loop {
        driver.host.stay(driver.gpid());
        match stays(driver) {
            Err(error) if is_passing(&error) && !driver.is_stopping() => {
                tracing::warn!(gpid = %driver.gpid(), job = %driver.cell.id(), %error, "a move cannot be taken back yet");
                driver.pause(Duration::from_secs(1));
            }
            // A partition that is gone needs nothing.
            Ok(()) | Err(_) => return,
        }
    }
}

fn stays<H: MoveHost>(driver: &Driver<H>) -> Result<(), MoveError> {
    let (gpid, job) = (driver.gpid(), driver.cell.id());
    driver.ask(driver.options.ending, || driver.host.unlock(gpid, job))?;
    let configured = driver.ask(driver.options.ending, || driver.host.end_move(gpid, job))?;
    let held = ReplicaInfo::read(&layout::replica_dir(driver.source()?.path(), gpid)).map(|info| info.incarnation);
    // It was let go, and nobody else can take it back in.
    if driver.cell.record().sole && held.is_ok_and(|held| configured.is_some_and(|configured| configured > held)) {
        return restore::run(driver);
    }
    Ok(())
}

/// After a restart the replica has no role for a moment; only a secondary can be handed the primary back.
fn await_role<H: MoveHost>(driver: &Driver<H>) {
    let until = driver.clock.mono() + ROLE.min(driver.options.ending);
    let has_role = |status: ReplicaStatus| matches!(status, ReplicaStatus::Secondary | ReplicaStatus::Primary);
    loop {
        let replica = driver.runtime.block_on(driver.host.replica(driver.gpid()));
        let ready = replica.is_some_and(|replica| has_role(replica.status));
        if ready || driver.clock.mono() >= until || driver.stop.is_cancelled() {
            return;
        }
        driver.pause(Duration::from_millis(50));
    }
}

fn duty<H: MoveHost, F: Future<Output = WireResult<()>>>(driver: &Driver<H>, what: &str, call: impl Fn() -> F) {
    if let Err(error) = driver.ask(driver.options.ending, call) {
        tracing::warn!(gpid = %driver.gpid(), job = %driver.cell.id(), %error, "a move ends without {what}");
        driver.cell.note(|record| record.job.last_error = Some(format!("ended without {what}: {error}")));
    }
}

fn finish<H: MoveHost>(driver: &Driver<H>, record: &JobRecord, ending: Ending) {
    let now_ms = driver.clock.wall_ms();
    let Ending { outcome, error } = ending;
    let change = |record: &mut JobRecord| {
        if outcome == JobOutcome::Completed {
            // What went wrong on the way did no harm; what its end lacks is kept.
            record.job.last_error = record.job.last_error.take().filter(|error| error.starts_with("ended without"));
        }
        record.job.finish(outcome, error, now_ms);
    };
    tracing::info!(gpid = %record.job.subject, job = %record.job.id, ?outcome, "move ended");
    if let Err(error) = driver.cell.save(change.clone()) {
        tracing::error!(job = %record.job.id, %error, "the end of a move cannot be stored");
        driver.cell.note(change);
    }
}

/// The checkpoints of all rounds. They are hard links; what cannot be removed now goes at the next start.
pub(super) fn remove_checkpoints<H: MoveHost>(driver: &Driver<H>) {
    let Ok(source) = driver.source() else { return };
    let dir = layout::checkpoints_dir(source.path());
    let own = format!("{}.", driver.cell.id());
    let Ok(entries) = std::fs::read_dir(&dir) else { return };
    let is_own = |entry: &std::fs::DirEntry| entry.file_name().to_str().is_some_and(|name| name.starts_with(&own));
    for entry in entries.flatten().filter(is_own) {
        if let Err(error) = std::fs::remove_dir_all(entry.path()) {
            tracing::warn!(%error, path = %entry.path().display(), "a checkpoint stays until the next start");
        }
    }
    let _ = sync_dir(&dir);
}

/// Nothing has changed, so the copy is worth nothing; its space may be what is wanted most.
fn remove_copy<H: MoveHost>(driver: &Driver<H>) {
    let Ok(tmp) = driver.tmp() else { return };
    if let Err(error) = remove_dir_durable(&tmp) {
        tracing::warn!(%error, path = %tmp.display(), "the copy of a move stays until it is collected");
    }
}

/// The operator wants its space back now. Only an origin that has been succeeded goes; the record is finished afterwards,
/// so a crash in between removes it later.
fn purge_origin<H: MoveHost>(driver: &Driver<H>) {
    let (gpid, job) = (driver.gpid(), driver.cell.id());
    if driver.stop.is_cancelled() {
        return;
    }
    if let Err(error) = driver.disks.purge_origin(&driver.cell.job().source, gpid) {
        tracing::warn!(%gpid, %job, %error, "a move ends without the purge of its origin");
        driver.cell.note(|record| {
            record.job.last_error = Some(format!("ended without the purge of its origin: {error}"));
        });
    }
}

/// The origin is kept for its time to live from now on.
fn date_origin<H: MoveHost>(driver: &Driver<H>) {
    let Ok(source) = driver.source() else { return };
    let origin = layout::origin_dir(source.path(), driver.gpid());
    if origin.is_dir()
        && let Err(error) = note_time(&origin, driver.clock.wall_ms())
    {
        tracing::debug!(%error, "the origin is dated when the collector sees it");
    }
}
