//! `leave` -> `collect`, `hand_over`, failed: the source leaves the configuration.

use common::types::ConfigChange;

use super::{At, Next, RegionStep, Turn};
use crate::change::Requester;
use crate::partition::Partition;
use crate::procedure::Request;
use crate::request::Verdict;

pub(super) fn advance(at: &At<'_>) -> Turn {
    if !at.target_is_member() {
        return at.target_lost();
    }
    let Some(source) = at.config().copy_on(at.migration.from) else { return collect(at, at.partition) };
    if at.leads(source.peer) {
        return Turn::Go(at.next(RegionStep::HandOver));
    }
    if at.is_overdue() {
        return at.given_up("the source's leaving");
    }
    if at.config().learners.contains(&source) {
        // Nothing waits for a learner: it is the meta server's to drop.
        let change = ConfigChange::Drop { member: source, moving: None };
        let (gpid, ballot) = (at.migration.gpid, at.config().ballot);
        let decided = at.cluster.decide(Requester::MetaServer, gpid, ballot, &change, at.now.wall_ms);
        return if let Ok(Verdict::Install(without)) = decided { collect(at, &without) } else { Turn::Wait };
    }
    Turn::Ask(Request::Drop { member: source })
}

/// From here on nothing but a directory is waited for: the partition is free for others.
fn collect(at: &At<'_>, partition: &Partition) -> Turn {
    Turn::Go(Next { partition: Some(at.unlocked(partition)), ..at.next(RegionStep::Collect) })
}
