//! CLOSED: the replica has left the configuration. It closes; the copy is sealed; two durable renames.
//!
//! ```text
//! 1 close the source            nothing is flushed: what the copy lacks comes by the primary's log
//! 2 mark the source             its .replica-info names the job: closed for good
//! 3 name and seal the copy      its .replica-info with the new incarnation (from here on the target's log keeps records
//!                               of it: the tail of a table of one replica), then the seal
//! 4 target: .tmp -> live        fsync of the parent
//! 5 origin: live -> .ori        fsync of the parent
//! ```
//!
//! A crash after 3 is rolled forward at start-up by `replica_state::recover`; before 3 the source is opened again
//! without a role, and this step begins anew.

use std::path::Path;

use common::fault::Point;
use common::fs::durable_rename;
use common::job::JobState;
use common::types::Decree;
use replica_state::recover::Seal;

use super::driver::Driver;
use super::error::MoveError;
use super::host::{CopyPlace, MoveHost};
use super::job_store::Left;
use super::manifest::Manifest;
use crate::disk::{DataDir, ReplicaInfo, layout, write_seal};

pub(super) fn run<H: MoveHost>(driver: &mut Driver<H>) -> Result<JobState, MoveError> {
    let (gpid, target) = (driver.gpid(), driver.target()?);
    let live = layout::replica_dir(target.path(), gpid);
    let left = left(driver)?;
    if !is_new_copy(&live, left) {
        driver.pass(Point::MoveLeft, &live)?;
        still_away(driver, left)?;
        // The storage that is held back is about to close.
        driver.compaction = None;
        let last = driver.ask(driver.options.leave, || driver.host.close(gpid))?;
        driver.cell.note(|record| record.last = last.or(record.last));
        driver.lap("close");
        mark_source(driver)?;
        driver.lap("mark source");
        let tmp = layout::move_tmp_dir(target.path(), gpid);
        driver.pass(Point::MoveSeal, &tmp)?;
        name_copy(driver, &target, &tmp, left)?;
        if driver.cell.record().sole {
            copy_tail(driver, &target, &tmp, left)?;
        }
        seal(driver, &target, &tmp, left)?;
        driver.lap("seal");
        driver.pass(Point::MoveRenameTarget, &tmp)?;
        durable_rename(&tmp, &live).inspect_err(|error| target.note(error)).map_err(MoveError::io(&tmp))?;
        driver.lap("rename copy");
    }
    driver.pass(Point::MoveRenameOrigin, &live)?;
    rename_origin(driver);
    driver.lap("rename origin");
    driver.pass(Point::MoveRenamed, &live)?;
    Ok(JobState::Learning)
}

/// The home disk may have refused to store that the replica left. If the new copy is in place all the same, the
/// directories say more than the record, and the job goes on from there.
pub(super) fn find_forgotten<H: MoveHost>(driver: &Driver<H>) {
    let (record, Ok(target)) = (driver.cell.record(), driver.target()) else { return };
    let info = ReplicaInfo::read(&layout::replica_dir(target.path(), driver.gpid()));
    let Some(info) = info.ok().filter(|info| info.job == Some(record.job.id)) else { return };
    if record.left.is_some() || record.ending.is_some() {
        return;
    }
    let now_ms = driver.clock.wall_ms();
    let deadline_ms = now_ms.saturating_add(u64::try_from(driver.options.away.as_millis()).unwrap_or(u64::MAX));
    let left = Left { incarnation: info.incarnation, ballot: info.ballot, deadline_ms };
    driver.cell.note(|record| {
        (record.leaving, record.left) = (true, Some(left));
        record.job.enter(JobState::Closed, now_ms);
    });
}

fn left<H: MoveHost>(driver: &Driver<H>) -> Result<Left, MoveError> {
    let missing = || MoveError::Unexpected("the job does not say how the replica left".to_owned());
    driver.cell.record().left.ok_or_else(missing)
}

/// Whether the target's live directory is the copy of this job already. A higher incarnation is the same directory,
/// taken back by the partition after a restart.
fn is_new_copy(live: &Path, left: Left) -> bool {
    ReplicaInfo::read(live).is_ok_and(|info| info.incarnation >= left.incarnation)
}

/// After the deadline the configuration decides, and it may have taken the origin back: then it must not be closed.
fn still_away<H: MoveHost>(driver: &Driver<H>, left: Left) -> Result<(), MoveError> {
    let source = driver.source()?;
    let taken_back = ReplicaInfo::read(&layout::replica_dir(source.path(), driver.gpid()))
        .is_ok_and(|info| info.incarnation > left.incarnation);
    if taken_back || driver.clock.wall_ms() >= left.deadline_ms {
        return Err(MoveError::Unexpected("the move took too long: the partition does not wait any more".to_owned()));
    }
    Ok(())
}

/// From here on start-up knows that the source is closed for this job, and for no other.
fn mark_source<H: MoveHost>(driver: &Driver<H>) -> Result<(), MoveError> {
    set_mark(driver, Some(driver.cell.id()))
}

pub(super) fn set_mark<H: MoveHost>(driver: &Driver<H>, job: Option<uuid::Uuid>) -> Result<(), MoveError> {
    let source = driver.source()?;
    let dir = layout::replica_dir(source.path(), driver.gpid());
    let mut info = ReplicaInfo::read(&dir).map_err(|error| MoveError::Unexpected(error.to_string()))?;
    if info.job == job {
        return Ok(());
    }
    info.job = job;
    info.write(&dir).inspect_err(|error| source.note(error)).map_err(MoveError::io(&dir))
}

/// A table of one replica has nobody to learn from: what the copy lacks is in the log of the source's disk, and must be
/// durable in that of the target before the first rename.
fn copy_tail<H: MoveHost>(driver: &Driver<H>, target: &DataDir, tmp: &Path, left: Left) -> Result<(), MoveError> {
    let (gpid, source, after) = (driver.gpid(), driver.source()?, copied_decree(tmp)?);
    let info = ReplicaInfo::read(&layout::replica_dir(source.path(), gpid));
    let incarnation = info.map_err(|error| MoveError::Unexpected(error.to_string()))?.incarnation;
    let from = CopyPlace { gpid, disk: source.tag().to_owned(), incarnation };
    let to = CopyPlace { gpid, disk: target.tag().to_owned(), incarnation: left.incarnation };
    let reached = driver.ask(driver.options.leave, || driver.host.copy_tail(&from, after, &to))?;
    match driver.cell.record().last {
        Some(last) if reached < last => Err(MoveError::Unexpected(format!(
            "the log gave decrees up to {reached} only, and the source was at {last}"
        ))),
        Some(_) | None => Ok(()),
    }
}

/// The decree at which the copy opens.
fn copied_decree(tmp: &Path) -> Result<Decree, MoveError> {
    let manifest = Manifest::read(tmp).map_err(|error| MoveError::Unexpected(error.to_string()))?;
    let round = manifest.complete.ok_or_else(|| MoveError::Unexpected("the copy is not complete".to_owned()))?;
    Ok(round.decree)
}

/// The copy becomes what it will be; without a seal it still never rolls forward.
fn name_copy<H: MoveHost>(driver: &Driver<H>, target: &DataDir, tmp: &Path, left: Left) -> Result<(), MoveError> {
    let info = ReplicaInfo {
        gpid: driver.gpid(),
        incarnation: left.incarnation,
        ballot: left.ballot,
        job: Some(driver.cell.id()),
        disk: target.uuid(),
    };
    info.write(tmp).inspect_err(|error| target.note(error)).map_err(MoveError::io(tmp))
}

fn seal<H: MoveHost>(driver: &Driver<H>, target: &DataDir, tmp: &Path, left: Left) -> Result<(), MoveError> {
    let copied = copied_decree(tmp)?;
    let last = driver.cell.record().last.unwrap_or(copied);
    if copied > last {
        return Err(MoveError::Unexpected(format!("the copy is at {copied}, ahead of its closed source at {last}")));
    }
    let seal = Seal { job: driver.cell.id(), incarnation: left.incarnation, last };
    write_seal(tmp, &seal).inspect_err(|error| target.note(error)).map_err(MoveError::io(tmp))
}

/// The new copy is in place, so a source disk that refuses does not stop the job: at the next start the lower
/// incarnation gives way.
fn rename_origin<H: MoveHost>(driver: &Driver<H>) {
    let Ok(source) = driver.source() else { return };
    let live = layout::replica_dir(source.path(), driver.gpid());
    let renamed = durable_rename(&live, &layout::origin_dir(source.path(), driver.gpid()));
    if let Err(error) = renamed
        && live.symlink_metadata().is_ok()
    {
        tracing::error!(gpid = %driver.gpid(), %error, "the origin keeps its name");
        source.note(&error);
    }
}
