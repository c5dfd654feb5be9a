//! The wait for a replica that can be copied, and when there is no point in it: the partition needs its cure more than the
//! move, or nobody brings the copy back. Waiting holds the partition's lock.

use std::time::Duration;

use common::types::{ReplicaStatus, Time};

use super::driver::{Driver, is_passing};
use super::error::MoveError;
use super::host::{MoveHost, MovingReplica};

const LOOK: Duration = Duration::from_millis(50);
/// Between two questions to the meta server.
const ASK: Duration = Duration::from_secs(1);

/// Waits until the copy may begin: with a member to spare.
pub(super) fn to_begin<H: MoveHost>(driver: &Driver<H>) -> Result<MovingReplica, MoveError> {
    ready_if(driver, |replica| redundant(replica, 1))
}

/// Waits until the copy may go on. It is worth more than a member to spare, but not more than the partition's writes.
pub(super) fn to_go_on<H: MoveHost>(driver: &Driver<H>) -> Result<MovingReplica, MoveError> {
    ready_if(driver, |replica| redundant(replica, 0))
}

/// Waits until the replica is a secondary on the source disk, as long as each look at it finds it fit. A primary hands over, unless
/// it is the only replica; a learner is waited for: after a restart it has to catch up first.
fn ready_if<H: MoveHost>(
    driver: &Driver<H>,
    fit: impl Fn(&MovingReplica) -> Result<(), MoveError>,
) -> Result<MovingReplica, MoveError> {
    let (gpid, until) = (driver.gpid(), driver.clock.mono() + driver.options.ready);
    let (job, source) = (driver.cell.job(), driver.source()?);
    let mut ask_at = Time::default();
    loop {
        driver.check()?;
        let replica = driver.runtime.block_on(driver.host.replica(gpid));
        replica.as_ref().map_or(Ok(()), &fit)?;
        let status = replica.as_ref().map(|replica| replica.status);
        match replica {
            Some(replica) if replica.disk != job.source => {
                return Err(MoveError::Unexpected(format!("{gpid} is on {} by now", replica.disk)));
            }
            Some(replica) if replica.can_be_copied() => return Ok(replica),
            Some(replica) if replica.status == ReplicaStatus::Primary => demote(driver, job.demote, until)?,
            // It was collected while the job waited for its turn. Nobody brings it back, and the lock keeps others away.
            None if !driver.disks.holds(&source, gpid) => {
                return Err(MoveError::Unexpected(format!("{gpid} is no longer on {}", job.source)));
            }
            Some(_) | None if driver.clock.mono() >= until => return Err(not_ready(driver, status)),
            Some(_) | None => keep_waiting(driver, &mut ask_at)?,
        }
    }
}

/// It has no role for the moment. If it was replaced meanwhile it never gets one, and the lock would be held in vain.
fn keep_waiting<H: MoveHost>(driver: &Driver<H>, ask_at: &mut Time) -> Result<(), MoveError> {
    let now = driver.clock.mono();
    if now >= *ask_at {
        *ask_at = now + ASK;
        if driver.is_replaced() {
            return Err(MoveError::Replaced(driver.gpid()));
        }
    }
    driver.pause(LOOK);
    Ok(())
}

/// A partition that lost members since the job was accepted needs its cure more than the move, and the job's lock is in
/// the way of that: without it a primary that nobody can succeed would refuse writes until the job gives up.
pub(super) fn redundant(replica: &MovingReplica, to_spare: usize) -> Result<(), MoveError> {
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
