//! How long procedures that ended are kept.

use common::types::Now;

use crate::cluster::Cluster;
use crate::record::Record;

/// How many procedures are kept, those that have not ended included.
pub const PROCEDURES_MAX: usize = 10_000;
/// How long a procedure is kept that has ended, in milliseconds: 7 days.
const KEPT_MS: u64 = 7 * 24 * 3600 * 1000;

impl Cluster {
    /// What is not kept any longer, with room for `new` more.
    #[must_use]
    pub fn outlived_procedures(&self, new: usize, now: Now) -> Vec<Record> {
        let surplus = (self.procedures.len() + new).saturating_sub(PROCEDURES_MAX);
        let ended = self.procedures.values().filter(|procedure| procedure.state.has_ended());
        let gone = ended.enumerate().filter(|(index, procedure)| {
            let over = procedure.finished_at_ms.is_some_and(|at| now.wall_ms >= at.saturating_add(KEPT_MS));
            *index < surplus || over
        });
        gone.map(|(_, procedure)| Record::ProcedureGone(procedure.key())).collect()
    }
}
