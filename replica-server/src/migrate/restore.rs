//! The target cannot take the replica after all, and the new copy has had no role: the origin goes back to the
//! partition, under whatever new incarnation the meta server gives it.
//!
//! ```text
//! 0 decide, durably             a job that a crash interrupts here goes on here
//! 1 end the `moving` record     so that the new copy can never come in
//! 2 unmark the source           without the mark no sealed copy rolls forward over it
//! 3 set the new copy aside
//! 4 only copy of its partition  nobody else can bring it back: its log tail is appended anew under the incarnation that
//!                               the meta server gave it, then it takes that incarnation
//! 5 open the origin
//! ```
//!
//! Each step may be done again. A copy of which others exist waits, open and without a role, until the guardian takes
//! it in; the only copy is primary again as soon as it is open.

use std::path::{Path, PathBuf};

use common::fs::durable_rename;
use common::types::Incarnation;
use replica_state::recover::DirKind;

use super::closed::set_mark;
use super::driver::Driver;
use super::error::MoveError;
use super::host::{CopyPlace, MoveHost};
use crate::disk::{DataDir, ReplicaInfo, layout, set_aside_as};
use crate::storage::Storage;

pub(super) fn run<H: MoveHost>(driver: &Driver<H>) -> Result<(), MoveError> {
    let (gpid, job) = (driver.gpid(), driver.cell.id());
    let configured = driver.ask(driver.options.ending, || driver.host.end_move(gpid, job))?;
    new_copy_is_out(driver, configured)?;
    let source = driver.source()?;
    let live = layout::replica_dir(source.path(), gpid);
    if !is_back(driver, &live) {
        driver.ask(driver.options.leave, || driver.host.close(gpid))?;
        name_origin(driver, &source, &live)?;
        set_mark(driver, None)?;
    }
    discard_copy(driver);
    let info = read(&live)?;
    let incarnation = configured.filter(|_| driver.cell.record().sole).unwrap_or(info.incarnation);
    if info.incarnation < incarnation {
        rename_copy(driver, &source, &live, info, incarnation)?;
    }
    let copy = CopyPlace { gpid, disk: source.tag().to_owned(), incarnation };
    driver.ask(driver.options.ending, || driver.host.open(&copy))?;
    // Now that it is open it is told of its configuration.
    driver.ask(driver.options.ending, || driver.host.end_move(gpid, job)).map(drop)
}

/// Once the new copy is configured there is no way back (rule MOVES).
fn new_copy_is_out<H: MoveHost>(driver: &Driver<H>, configured: Option<Incarnation>) -> Result<(), MoveError> {
    let new = driver.cell.record().left.map(|left| left.incarnation);
    if configured.is_some() && configured == new {
        return Err(MoveError::Unexpected("the partition has taken the new copy in already".to_owned()));
    }
    Ok(())
}

/// Whether the partition has taken the origin back already: a higher incarnation than that of the new copy.
fn is_back<H: MoveHost>(driver: &Driver<H>, live: &Path) -> bool {
    let left = driver.cell.record().left;
    left.is_some_and(|left| ReplicaInfo::read(live).is_ok_and(|info| info.incarnation > left.incarnation))
}

/// The origin may have lost its name already: the new copy stood in its place, but never had a role.
fn name_origin<H: MoveHost>(driver: &Driver<H>, source: &DataDir, live: &Path) -> Result<(), MoveError> {
    let origin = layout::origin_dir(source.path(), driver.gpid());
    let own = ReplicaInfo::read(&origin).is_ok_and(|info| info.job == Some(driver.cell.id()));
    if live.symlink_metadata().is_ok() || !own {
        return Ok(());
    }
    durable_rename(&origin, live).inspect_err(|error| source.note(error)).map_err(MoveError::io(&origin))
}

/// What the job made on the target, wherever it stands; a target that fails keeps it, unmarked source or not it never
/// comes in.
fn discard_copy<H: MoveHost>(driver: &Driver<H>) {
    let (gpid, job, Ok(target)) = (driver.gpid(), driver.cell.id(), driver.target()) else { return };
    let label = job.to_string();
    let made_here = |path: &PathBuf| ReplicaInfo::read(path).is_ok_and(|info| info.job == Some(job));
    let tmp = layout::move_tmp_dir(target.path(), gpid);
    let live = Some(layout::replica_dir(target.path(), gpid)).filter(made_here);
    for path in std::iter::once(tmp).chain(live) {
        let _ = set_aside_as(target.path(), &path, gpid, DirKind::Garbage, &label, driver.clock.wall_ms());
    }
}

/// The only copy becomes what the configuration names: first its log, then its directory (rules INCARNATION, LOG).
fn rename_copy<H: MoveHost>(
    driver: &Driver<H>,
    source: &DataDir,
    live: &Path,
    mut info: ReplicaInfo,
    incarnation: Incarnation,
) -> Result<(), MoveError> {
    let place = |incarnation| CopyPlace { gpid: info.gpid, disk: source.tag().to_owned(), incarnation };
    let (from, to) = (place(info.incarnation), place(incarnation));
    let after = Storage::read_applied(&layout::rdb_dir(live))?.decree;
    driver.ask(driver.options.leave, || driver.host.copy_tail(&from, after, &to))?;
    info.adopt(incarnation, info.ballot);
    info.write(live).inspect_err(|error| source.note(error)).map_err(MoveError::io(live))
}

fn read(live: &Path) -> Result<ReplicaInfo, MoveError> {
    ReplicaInfo::read(live).map_err(|error| MoveError::Unexpected(error.to_string()))
}
