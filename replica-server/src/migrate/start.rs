//! START: the partition is locked, a primary hands over, leftovers of the same partition lose their names.

use std::path::{Path, PathBuf};

use common::fault::Point;
use common::fs::create_dir_durable;
use common::job::JobState;
use common::types::ReplicaStatus;
use replica_state::recover::DirKind;

use super::driver::Driver;
use super::error::MoveError;
use super::host::MoveHost;
use super::manifest::Manifest;
use super::ready;
use crate::disk::{DataDir, layout, set_aside_as};

pub(super) fn run<H: MoveHost>(driver: &mut Driver<H>) -> Result<JobState, MoveError> {
    let (gpid, job) = (driver.gpid(), driver.cell.id());
    driver.ask(driver.options.ready, || driver.host.lock(gpid, job))?;
    driver.pass(Point::MoveStart, &driver.tmp()?)?;
    remember_primary(driver)?;
    ready::to_begin(driver)?;
    let (source, target) = (driver.source()?, driver.target()?);
    if driver.disks.holds(&target, gpid) {
        return Err(MoveError::Unexpected(format!("{} holds a live directory of {gpid} by now", target.tag())));
    }
    clear_leftovers(driver, &source)?;
    clear_leftovers(driver, &target)?;
    let tmp = layout::move_tmp_dir(target.path(), gpid);
    for dir in [tmp.clone(), layout::rdb_dir(&tmp)] {
        create_dir_durable(&dir).map_err(MoveError::io(&dir))?;
    }
    Ok(JobState::Moving)
}

/// That it was primary is stored before it hands over, so that it is handed back whatever happens.
fn remember_primary<H: MoveHost>(driver: &Driver<H>) -> Result<(), MoveError> {
    let replica = driver.runtime.block_on(driver.host.replica(driver.gpid()));
    let is_primary = replica.is_some_and(|replica| replica.status == ReplicaStatus::Primary && !replica.is_sole());
    if !is_primary || driver.cell.job().was_primary {
        return Ok(());
    }
    let saved = driver.cell.save(|record| record.job.was_primary = true);
    saved.map_err(MoveError::io(&driver.options.home))
}

/// What earlier moves left of this partition becomes `.gar.<job>`, so that `.tmp` and `.ori` keep their plain names
/// (rule MOVES). The job's own `.tmp` is no leftover.
fn clear_leftovers<H: MoveHost>(driver: &Driver<H>, disk: &DataDir) -> Result<(), MoveError> {
    let (gpid, job) = (driver.gpid(), driver.cell.id());
    let own = |path: &Path| Manifest::read(path).is_ok_and(|manifest| manifest.job == job && manifest.gpid == gpid);
    for path in leftovers(disk, driver) {
        if path.symlink_metadata().is_ok() && !own(&path) {
            let now_ms = driver.clock.wall_ms();
            let aside = set_aside_as(disk.path(), &path, gpid, DirKind::Garbage, &job.to_string(), now_ms);
            aside.inspect_err(|error| disk.note(error)).map_err(MoveError::io(&path))?;
        }
    }
    Ok(())
}

fn leftovers<H: MoveHost>(disk: &DataDir, driver: &Driver<H>) -> [PathBuf; 2] {
    let gpid = driver.gpid();
    [layout::move_tmp_dir(disk.path(), gpid), layout::origin_dir(disk.path(), gpid)]
}
