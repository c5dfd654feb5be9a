//! What operators ask of procedures, whichever door they come through.

use common::procedure::{MigrateRegion, ProcedureFilter, ProcedureInfo};
use common::rpc::meta_admin::AcceptedTable;
use common::rpc::{WireError, WireResult};
use meta_state::{Procedure, Record, ValidatedTable};
use uuid::Uuid;

use super::runner::store;
use crate::owner::{Handle, Owner};

/// Creates a table; it and the procedure that watches over it are durable when this answers.
///
/// # Errors
/// `AlreadyExists`; `NotReady` with fewer usable nodes than replicas.
pub async fn create_table(owner: &Handle, request: ValidatedTable) -> WireResult<AcceptedTable> {
    owner
        .ask(move |owner| {
            let (options, now) = (owner.guardian_options(), owner.now());
            let accepted = owner.cluster().create_table(&request, Uuid::new_v4(), options, now)?;
            accept_table(owner, accepted)
        })
        .await
}

/// Drops a table; nobody can use it when this answers, and a procedure watches over what is left of it.
///
/// # Errors
/// `UnknownTable`; `PartitionBusy` while a job has one of its partitions.
pub async fn drop_table(owner: &Handle, name: String) -> WireResult<AcceptedTable> {
    owner
        .ask(move |owner| {
            let accepted = owner.cluster().drop_table(&name, Uuid::new_v4(), owner.now())?;
            accept_table(owner, accepted)
        })
        .await
}

fn accept_table(owner: &mut Owner, accepted: (Procedure, Vec<Record>)) -> WireResult<AcceptedTable> {
    let (Procedure { id, work, .. }, records) = accepted;
    store(owner, work.step(), records)?;
    let table = work.table().and_then(|table| owner.cluster().table_info(table));
    let table = table.ok_or_else(|| WireError::internal("the table is not in the state"))?;
    let (kind, name, partitions) = (work.kind(), &table.name, table.partitions);
    tracing::info!(procedure = %id, %kind, table = name, table_id = %table.table_id, partitions, "a table comes or goes");
    Ok(AcceptedTable { table, procedure: id })
}

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
