//! `collect` -> completed, failed: a dropped table's copies are set aside by order of heartbeats (rule COLLECT).

use common::procedure::ProcedureState;
use common::rpc::ErrorCode;
use common::types::{PeerId, TableId};
use serde::{Deserialize, Serialize};

use super::{Advance, At, MINUTE_MS};

/// A table that goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropTable {
    /// Which.
    pub table: TableId,
    /// The nodes that may hold a copy of it: those that its partitions named when it was dropped, and the last before them.
    pub holders: Vec<PeerId>,
}

impl DropTable {
    /// The name of its only step.
    pub(in crate::procedure) const STEP: &'static str = "collect";
    /// How long that may take, in milliseconds.
    pub(crate) const LIMIT_MS: u64 = 10 * MINUTE_MS;
}

pub(super) fn advance(at: &At<'_>, drop: &DropTable) -> Advance {
    let left = at.may_hold(&drop.holders);
    if left.is_empty() {
        return at.end(ProcedureState::Completed, None, None);
    }
    if !at.is_overdue() {
        return Advance::default();
    }
    let message = at.left_behind(&left);
    let note =
        "nobody can use the table, and nothing is left to do: a copy is set aside as soon as its node reports it";
    at.failed(ErrorCode::Timeout, message, note.to_owned())
}
