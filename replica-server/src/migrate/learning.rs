//! LEARNING: the new copy is opened, taken in as a learner, and fetches the few mutations that it missed.

use std::time::Duration;

use common::fault::Point;
use common::job::JobState;

use super::driver::Driver;
use super::error::MoveError;
use super::host::{CopyPlace, MoveHost};
use super::pause::write_pause_ms;
use crate::disk::{ReplicaInfo, layout};

/// One wait for membership; the step is entered again until the deadline of the move.
const WAIT: Duration = Duration::from_secs(20);

pub(super) fn run<H: MoveHost>(driver: &mut Driver<H>) -> Result<JobState, MoveError> {
    let (gpid, job, target) = (driver.gpid(), driver.cell.id(), driver.target()?);
    let left = driver.cell.record().left;
    let left = left.ok_or_else(|| MoveError::Unexpected("the job does not say how the replica left".to_owned()))?;
    let live = layout::replica_dir(target.path(), gpid);
    driver.lap("store LEARNING");
    driver.pass(Point::MoveLearning, &live)?;
    let info = ReplicaInfo::read(&live).map_err(|error| MoveError::Unexpected(error.to_string()))?;
    let incarnation = info.incarnation;
    let copy = CopyPlace { gpid, disk: target.tag().to_owned(), incarnation };
    driver.ask(driver.options.leave, || driver.host.open(&copy))?;
    driver.lap("open");
    // A restart ends every role, so the partition may have taken the copy back under a higher incarnation already.
    if incarnation == left.incarnation {
        driver.ask(driver.options.leave, || driver.host.rejoin(gpid, job))?;
        driver.lap("rejoin");
    }
    let kind = driver.ask(WAIT, || driver.host.wait_member(gpid, incarnation, WAIT))?;
    driver.lap("learn");
    tracing::info!(%gpid, %job, steps = %driver.window, "window in ms");
    let now_ms = driver.clock.wall_ms();
    let write_pause_ms = write_pause_ms(driver);
    driver.pass(Point::MoveCompleted, &live)?;
    let change = |record: &mut super::job_store::JobRecord| {
        let closed = record.job.history.iter().rev().find(|step| step.state == JobState::Closed);
        record.job.window_ms = closed.map(|step| now_ms.saturating_sub(step.at_ms));
        record.job.write_pause_ms = write_pause_ms;
        record.job.learn_kind = kind.or(record.job.learn_kind);
        record.job.bytes_total = record.job.bytes_done;
        record.job.enter(JobState::Completed, now_ms);
    };
    if let Err(error) = driver.cell.save(change) {
        tracing::error!(%gpid, %error, "the state of a move cannot be stored");
        driver.cell.note(change);
    }
    if let Some(window_ms) = driver.cell.job().window_ms {
        driver.meters.window.observe(Duration::from_millis(window_ms).as_secs_f64());
    }
    Ok(JobState::Completed)
}
