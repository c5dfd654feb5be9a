//! What operators ask of procedures, whichever door they come through.

use common::procedure::{MigrateRegion, ProcedureFilter, ProcedureInfo};
use common::rpc::{WireError, WireResult};
use meta_state::Procedure;
use uuid::Uuid;

use super::runner::store;
use crate::owner::{Handle, Owner};

/// Accepts a migration; it is durable when this answers, and goes on by itself.
///
/// # Errors
/// What is wrong with the request, each with its own code.
pub async fn migrate_region(owner: &Handle, request: MigrateRegion) -> WireResult<ProcedureInfo> {
    owner
        .ask(move |owner| {
            let (procedure, records) = owner.cluster().migrate_region(&request, Uuid::new_v4(), owner.now())?;
            tracing::info!(procedure = %procedure.id, ?request, state = %procedure.state, "a region is to move");
            store(owner, procedure.work.step(), records)?;
            Ok(info(owner, &procedure))
        })
        .await
}

/// The procedures that match, oldest first.
///
/// # Errors
/// The server is busy or stops.
pub async fn list(owner: &Handle, filter: ProcedureFilter) -> WireResult<Vec<ProcedureInfo>> {
    owner.ask(move |owner| Ok(owner.cluster().procedure_infos(filter, owner.now()))).await
}

/// A procedure.
///
/// # Errors
/// `UnknownJob`.
pub async fn one(owner: &Handle, id: Uuid) -> WireResult<ProcedureInfo> {
    owner.ask(move |owner| look(owner, id)).await
}

/// Cancels a procedure that can still turn back; that it stops is durable when this answers.
///
/// # Errors
/// `UnknownJob`, `JobEnded`, `NotCancellable`.
pub async fn cancel(owner: &Handle, id: Uuid) -> WireResult<ProcedureInfo> {
    owner
        .ask(move |owner| {
            let procedure = owner.cluster().cancel_procedure(id, owner.now())?;
            tracing::info!(procedure = %id, step = procedure.work.step(), "a procedure is cancelled");
            // From here on it turns back by itself, unless its target becomes a member before it does.
            store(owner, "cancel", vec![procedure.into()])?;
            look(owner, id)
        })
        .await
}

fn look(owner: &Owner, id: Uuid) -> WireResult<ProcedureInfo> {
    owner.cluster().procedure(id).map(|procedure| info(owner, procedure)).ok_or_else(|| unknown(id))
}

fn info(owner: &Owner, procedure: &Procedure) -> ProcedureInfo {
    owner.cluster().procedure_info(procedure, owner.now())
}

fn unknown(id: Uuid) -> WireError {
    meta_state::unknown_procedure(id)
}
