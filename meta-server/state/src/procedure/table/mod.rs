//! A table comes to be, or goes. Either is one transaction, which also accepts the procedure: it does not do the work,
//! which is the guardian's and the nodes', but says how far that is, gives it a deadline, and keeps what became of it.
//!
//! ```text
//!  create_table   lead ──► fill ──► completed
//!                  │ │       └────► failed, cancelled
//!                  │ └────────────► failed, cancelled
//!                  └──► rollback ──► cancelled
//!
//!  drop_table     collect ──► completed, failed
//!
//!  step      entered with                         waits for                               given up after
//!  lead      the table, a first copy of each      every partition to be led               10 minutes: fails
//!            partition
//!  fill      -                                    every partition to have all members     15 minutes: fails
//!  rollback  the table dropped, its roles ended   its copies to go, from every disk       10 minutes: ends, with a note
//!  collect   the table dropped, its roles ended   its copies to go, from every disk       10 minutes: fails
//! ```
//! What a step is entered with is one transaction with the step. A creation that fails leaves the table as it stands: the
//! guardian goes on with it, whoever watches. It can be cancelled while not every partition is led; after that clients
//! may use the whole of it, and to take it away from them is a drop. A drop cannot be cancelled at all, since the
//! table is gone for everybody before its id is returned. A table that is dropped while it is created ends its creation.
//!
//! `completed` of a drop is a promise: no node holds a live directory of the table. So a node that may hold one and does
//! not heartbeat is waited for, and named once that was too long; its copies are set aside whenever it comes back.

mod collect;
mod create;
mod fill;
mod gone;
mod lead;
mod progress;
mod rollback;

use common::procedure::{ProcedureError, ProcedureState};
use common::rpc::ErrorCode;
use common::types::{Now, TableId};

pub use collect::DropTable;
pub use create::{CreateStep, CreateTable};
pub(super) use progress::{partition_count, waits_for};

use super::{Advance, Procedure, Work};
use crate::cluster::Cluster;
use crate::record::Record;
use crate::table::Table;

const MINUTE_MS: u64 = 60_000;
/// Nodes or partitions named in a message.
const NAMED_MAX: usize = 3;

/// What a step looks at.
struct At<'a> {
    cluster: &'a Cluster,
    procedure: &'a Procedure,
    table: &'a Table,
    now: Now,
}

impl<'a> At<'a> {
    /// `None`: tables are kept for ever, and this one was lost with its metadata.
    fn of(cluster: &'a Cluster, procedure: &'a Procedure, table: TableId, now: Now) -> Option<Self> {
        Some(Self { cluster, procedure, table: cluster.tables.get(&table)?, now })
    }

    fn is_live(&self) -> bool {
        self.cluster.is_live(self.table.id)
    }

    fn is_overdue(&self) -> bool {
        self.procedure.is_overdue(self.now.wall_ms)
    }

    /// On to another step of the creation, with what it is entered with.
    fn enter(&self, next: CreateTable, with: Vec<Record>) -> Advance {
        let limit_ms = next.step.limit_ms();
        let procedure = self.procedure.entering(Work::CreateTable(next), limit_ms, self.now.wall_ms);
        Advance { records: with.into_iter().chain([procedure.into()]).collect(), ask: None }
    }

    fn end(&self, state: ProcedureState, error: Option<ProcedureError>, note: Option<String>) -> Advance {
        let ended = Procedure { error, note, ..self.procedure.ended(state, self.now.wall_ms) };
        Advance { records: vec![ended.into()], ask: None }
    }

    fn failed(&self, code: ErrorCode, message: String, note: String) -> Advance {
        self.end(ProcedureState::Failed, Some(ProcedureError { code, message }), Some(note))
    }
}

/// What a creation does next.
pub(super) fn create(cluster: &Cluster, procedure: &Procedure, create: &CreateTable, now: Now) -> Advance {
    let Some(at) = At::of(cluster, procedure, create.table, now) else { return unknown(procedure, now) };
    match create.step {
        CreateStep::Lead => lead::advance(&at, create),
        CreateStep::Fill => fill::advance(&at),
        CreateStep::Rollback => rollback::advance(&at, create),
    }
}

/// What a drop does next.
pub(super) fn drop(cluster: &Cluster, procedure: &Procedure, drop: &DropTable, now: Now) -> Advance {
    At::of(cluster, procedure, drop.table, now)
        .map_or_else(|| unknown(procedure, now), |at| collect::advance(&at, drop))
}

fn unknown(procedure: &Procedure, now: Now) -> Advance {
    procedure.lost(ErrorCode::UnknownTable, "the table is not known any more", now.wall_ms)
}
