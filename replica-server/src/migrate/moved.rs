//! MOVED: all is copied. The copy is checked once more, then the replica leaves the configuration.

use std::path::Path;

use common::fault::Point;
use common::job::JobState;
use common::types::MovingRequest;

use super::driver::Driver;
use super::error::MoveError;
use super::host::MoveHost;
use super::job_store::Left;
use super::manifest::Manifest;
use super::window::Window;
use super::{ending, round};
use crate::disk::layout;
use crate::storage::Storage;

pub(super) fn run<H: MoveHost>(driver: &mut Driver<H>) -> Result<JobState, MoveError> {
    let tmp = driver.tmp()?;
    driver.check()?;
    check_copy(driver, &tmp)?;
    driver.pass(Point::MoveMoved, &tmp)?;
    // Nothing but renames stands in the window: what can be done before is done now.
    ending::remove_checkpoints(driver);
    leave(driver)
}

/// Every file is there, and RocksDB opens it at the decree that the manifest names.
fn check_copy<H: MoveHost>(driver: &Driver<H>, tmp: &Path) -> Result<(), MoveError> {
    let manifest = Manifest::read(tmp).map_err(|error| MoveError::Unexpected(error.to_string()))?;
    let round = round::check_complete(tmp, &manifest)?;
    let applied = Storage::read_applied(&layout::rdb_dir(tmp))?;
    if applied.decree == round.decree && manifest.job == driver.cell.id() {
        return Ok(());
    }
    let (found, expected) = (applied.decree, round.decree);
    Err(MoveError::Unexpected(format!("the copy opens at decree {found}, not at {expected}")))
}

/// The replica asks its primary to drop it. That it asked is stored first: from there on the outcome must be known.
fn leave<H: MoveHost>(driver: &mut Driver<H>) -> Result<JobState, MoveError> {
    let (gpid, home) = (driver.gpid(), driver.options.home.clone());
    let sole = driver.runtime.block_on(driver.host.replica(gpid)).map(|replica| replica.is_sole());
    let asked_at_ms = driver.clock.wall_ms();
    let asked = |record: &mut super::job_store::JobRecord| {
        record.leaving |= !record.cancelled;
        record.sole = sole.unwrap_or(record.sole);
        if record.sole && record.leaving {
            // Asked again after a restart, the first time counts: it may have been granted.
            record.paused_at_ms.get_or_insert(asked_at_ms);
        }
    };
    driver.cell.save(asked).map_err(MoveError::io(&home))?;
    driver.check()?;
    let now_ms = driver.clock.wall_ms();
    let deadline_ms = now_ms.saturating_add(u64::try_from(driver.options.away.as_millis()).unwrap_or(u64::MAX));
    let job = driver.cell.job();
    let request = MovingRequest { job: job.id, deadline_ms, hand_back: job.was_primary };
    let (moving, ballot) = driver.ask(driver.options.leave, || driver.host.leave(gpid, request))?;
    driver.window = Window::open(driver.clock.mono());
    let left = Left { incarnation: moving.incarnation, ballot, deadline_ms: moving.deadline_ms };
    let change = |record: &mut super::job_store::JobRecord| {
        record.left = Some(left);
        record.job.enter(JobState::Closed, driver.clock.wall_ms());
    };
    // If the home disk refuses now, the job goes on in memory; after a crash it finds itself out and leaving, asks
    // again, and is told the same.
    if let Err(error) = driver.cell.save(change) {
        tracing::error!(%gpid, %error, "the state of a move cannot be stored");
        driver.cell.note(change);
    }
    driver.lap("store CLOSED");
    Ok(JobState::Closed)
}
