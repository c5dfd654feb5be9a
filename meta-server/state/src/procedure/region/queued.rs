//! `queued` -> `start`, cancelled: migrations to one node take turns.

use common::procedure::ProcedureState;

use super::{At, End, RegionStep, Turn};
use crate::procedure::Work;

/// Migrations to one node that run at once: as many as a node's learners fetch side by side.
const TO_ONE_NODE_MAX: usize = 4;

pub(super) fn advance(at: &At<'_>) -> Turn {
    if at.procedure.cancel {
        return Turn::End(End { state: ProcedureState::Cancelled, error: None, note: None });
    }
    let to = at.migration.to;
    let same = |work: &Work| match work {
        Work::RegionMigration(other) => other.to == to,
        Work::Rebuild(_) | Work::CreateTable(_) | Work::DropTable(_) => false,
    };
    let ahead = at.cluster.running_procedures().filter(|procedure| same(&procedure.work)).count();
    if ahead < TO_ONE_NODE_MAX { Turn::Go(at.next(RegionStep::Start)) } else { Turn::Wait }
}
