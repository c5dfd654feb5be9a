//! START: the partition is locked, a primary hands over, leftovers of the same partition lose their names.

use std::path::{Path, PathBuf};
use std::time::Duration;

use common::fault::Point;
use common::fs::create_dir_durable;
use common::job::JobState;
use common::types::{ReplicaStatus, Time};
use replica_state::recover::DirKind;

use super::driver::{Driver, is_passing};
use super::error::MoveError;
use super::host::{MoveHost, MovingReplica};
use super::manifest::Manifest;
use crate::disk::{DataDir, layout, set_aside_as};

const LOOK: Duration = Duration::from_millis(50);

pub(super) fn run<H: MoveHost>(driver: &mut Driver<H>) -> Result<JobState, MoveError> {
    let (gpid, job) = (driver.gpid(), driver.cell.id());
    driver.ask(driver.options.ready, || driver.host.lock(gpid, job))?;
    driver.pass(Point::MoveStart, &driver.tmp()?)?;
    remember_primary(driver)?;
    ready_if(driver, |replica| redundant(replica, 1))?;
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

/// Waits until the replica is a secondary on the source disk. A primary hands over, unless it is the only replica; a learner is waited for: after a
/// restart it has to catch up first.
pub(super) fn ready<H: MoveHost>(driver: &Driver<H>) -> Result<MovingReplica, MoveError> {
    // A copy under way is worth more than a member to spare, but not more than the partition's writes.
    ready_if(driver, |replica| redundant(replica, 0))
}

/// The same as long as each look at it finds it fit.
fn ready_if<H: MoveHost>(
    driver: &Driver<H>,
    fit: impl Fn(&MovingReplica) -> Result<(), MoveError>,
) -> Result<MovingReplica, MoveError> {
    let (gpid, until) = (driver.gpid(), driver.clock.mono() + driver.options.ready);
    let (job, source) = (driver.cell.job(), driver.source()?);
    loop {
        driver.check()?;
        let replica = driver.runtime.block_on(driver.host.replica(gpid));
        replica.as_ref().map_or(Ok(()), &fit)?;
        let status = replica.as_ref().map(|replica| replica.status);
        match replica {
            Some(replica) if replica.disk != job.source => {
                return Err(MoveError::Unexpected(format!("{gpid} is on {} by now", replica.disk)));
            }
            Some(replica) if replica.status == ReplicaStatus::Secondary => return Ok(replica),
            Some(replica) if replica.status == ReplicaStatus::Primary && replica.is_sole() => return Ok(replica),
            Some(replica) if replica.status == ReplicaStatus::Primary => demote(driver, job.demote, until)?,
            // It was collected while the job waited for its turn. Nobody brings it back, and the lock keeps others away.
            None if !driver.disks.holds(&source, gpid) => {
                return Err(MoveError::Unexpected(format!("{gpid} is no longer on {}", job.source)));
            }
            Some(_) | None if driver.clock.mono() >= until => return Err(not_ready(driver, status)),
            Some(_) | None => driver.pause(LOOK),
        }
    }
}

/// A partition that lost members since the job was accepted needs its cure more than the move, and the job's lock is in
/// the way of that: without it a primary that nobody can succeed would refuse writes until the job gives up.
fn redundant(replica: &MovingReplica, to_spare: usize) -> Result<(), MoveError> {
    let has_role = matches!(replica.status, ReplicaStatus::Primary | ReplicaStatus::Secondary);
    if !has_role || replica.is_sole() || replica.members >= replica.min_replicas + to_spare {
        return Ok(());
    }
    let (members, least) = (replica.members, replica.min_replicas);
    Err(MoveError::Unexpected(format!(
        "only {members} members are left, and {least} must stay when one of them leaves"
    )))
}

/// One try, so that what happens to the partition meanwhile is seen before the next.
fn demote<H: MoveHost>(driver: &Driver<H>, allowed: bool, until: Time) -> Result<(), MoveError> {
    let gpid = driver.gpid();
    if !allowed {
        return Err(MoveError::Unexpected(format!("{gpid} became primary, and a hand-over was refused")));
    }
    match driver.ask(Duration::ZERO, || driver.host.demote(gpid)) {
        Err(error) if is_passing(&error) && driver.clock.mono() < until => {
            driver.pause(LOOK);
            Ok(())
        }
        done => done,
    }
}

fn not_ready<H: MoveHost>(driver: &Driver<H>, status: Option<ReplicaStatus>) -> MoveError {
    let status = status.map_or_else(|| "not open".to_owned(), |status| status.to_string());
    let (gpid, waited) = (driver.gpid(), driver.options.ready);
    MoveError::Unexpected(format!("{gpid} is {status}, and did not become a secondary within {waited:?}"))
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
