//! Procedures: work of several steps that survives the meta server's crashes. Pure, and idempotent by construction.
//!
//! ```text
//! accept ──durable──► Queued ──turn──► Running ──► Completed
//!                       │                 │
//!                    cancel       cancel, failure ──► (rolled back) ──► Cancelled, Failed
//! ```
//!
//! A procedure is a record: what it is to do, the step it is in, and what earlier steps found out. [`Cluster::advance`]
//! looks at the record and at the cluster as it is *now*, and answers with records to store, or with something to ask
//! of a node. A step and the change of the configuration that it makes are stored in one transaction, so a crash falls
//! between two steps and never into one; whatever a step asks of nodes may be asked again. Nothing is remembered
//! elsewhere: a restarted meta server goes on because it looks at the same records.
//!
//! The files of [`region`] and of [`table`] hold one step each, their transitions listed in the module docs.

mod accept;
mod cancel;
mod info;
mod keep;
mod rebuild;
mod record;
mod region;
mod table;

use common::procedure::ProcedureState;
use common::rpc::WireError;
use common::types::{Gpid, Member, Now, PeerId};
use uuid::Uuid;

pub use cancel::unknown_procedure;
pub use keep::PROCEDURES_MAX;
pub use rebuild::Rebuild;
pub use record::{Procedure, ProcedureKey, Subject, Transfer, Work};
pub use region::{RegionMigration, RegionStep};
pub use table::{CreateStep, CreateTable, DropTable};

use crate::cluster::Cluster;
use crate::node::Vitals;
use crate::record::Record;

/// What a procedure does next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advance {
    /// To be stored in one transaction; then look again.
    pub records: Vec<Record>,
    /// To be asked of nodes; then tell [`Cluster::answered`].
    pub ask: Option<Ask>,
}

/// Something that only a node can do. It may be asked again, also when it was done already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// For which procedure.
    pub procedure: Uuid,
    /// Which partition.
    pub gpid: Gpid,
    /// Where its primary is reached, `host:port`.
    pub primary: String,
    /// What.
    pub request: Request,
}

/// What a primary is asked for (rule UNION: only it proposes).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// To hand over to this member.
    HandOver {
        /// To whom.
        to: Member,
        /// Where that one is reached, `host:port`.
        address: String,
    },
    /// To drop this member.
    Drop {
        /// Whom.
        member: Member,
    },
}

/// How an [`Ask`] ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The new primary serves; writes paused for at most so many milliseconds.
    HandedOver {
        /// Milliseconds.
        write_pause_ms: u64,
    },
    /// The member is out of the configuration.
    Dropped,
    /// Not done, or nobody knows.
    Failed(WireError),
}

impl Cluster {
    /// The procedures that have not ended, oldest first.
    pub fn open_procedures(&self) -> impl Iterator<Item = &Procedure> {
        self.procedures.values().filter(|procedure| !procedure.state.has_ended())
    }

    /// The procedures that have ended, oldest first.
    pub fn ended_procedures(&self) -> impl DoubleEndedIterator<Item = &Procedure> {
        self.procedures.values().filter(|procedure| procedure.state.has_ended())
    }

    /// A procedure, ended or not.
    #[must_use]
    pub fn procedure(&self, id: Uuid) -> Option<&Procedure> {
        self.procedures.iter().rev().find(|(key, _)| key.id == id).map(|(_, procedure)| procedure)
    }

    /// What a procedure does next; nothing while it waits, or once it has ended.
    #[must_use]
    pub fn advance(&self, procedure: &Procedure, now: Now) -> Advance {
        if procedure.state.has_ended() {
            return Advance::default();
        }
        match &procedure.work {
            Work::RegionMigration(migration) => region::advance(self, procedure, migration, now),
            Work::Rebuild(rebuild) => rebuild::advance(self, procedure, rebuild, now.wall_ms),
            Work::CreateTable(create) => table::create(self, procedure, create, now),
            Work::DropTable(drop) => table::drop(self, procedure, drop, now),
        }
    }

    /// What to store after an answer; nothing if the procedure is gone.
    #[must_use]
    pub fn answered(&self, id: Uuid, answer: &Answer, now: Now) -> Vec<Record> {
        let Some(procedure) = self.procedure(id) else { return Vec::new() };
        let mut next = procedure.clone();
        match answer {
            Answer::HandedOver { write_pause_ms } => {
                let Work::RegionMigration(migration) = &mut next.work else { return Vec::new() };
                migration.write_pause_ms = Some(*write_pause_ms);
            }
            Answer::Dropped => return Vec::new(),
            // It ended meanwhile, so whatever failed does not matter.
            Answer::Failed(_) if next.state.has_ended() => return Vec::new(),
            Answer::Failed(error) => next.failed_try(error, now.wall_ms),
        }
        next.updated_at_ms = now.wall_ms;
        vec![next.into()]
    }

    /// Whether a lock belongs to a procedure that has not ended.
    pub(crate) fn is_procedures(&self, holder: Uuid) -> bool {
        self.procedure(holder).is_some_and(|procedure| !procedure.state.has_ended())
    }

    /// What a node said since the procedure has been in its present step for `margin_ms`, if it heartbeats and did.
    fn heard_in_step(&self, procedure: &Procedure, peer: PeerId, margin_ms: u64, now: Now) -> Option<&Vitals> {
        let since = now.wall_ms.saturating_sub(procedure.entered_at_ms().saturating_add(margin_ms));
        self.vitals(peer, now.mono).filter(|vitals| u128::from(since) > now.mono.since(vitals.seen).as_millis())
    }

    /// Procedures that are under way.
    fn running_procedures(&self) -> impl Iterator<Item = &Procedure> {
        self.procedures.values().filter(|procedure| procedure.state == ProcedureState::Running)
    }
}
