//! `/admin/jobs`: moves between disks, moves between nodes, and tables that come and go, in one list and in one
//! vocabulary.

use std::cmp::Reverse;

use axum::extract::State;
use axum::http::Uri;
use axum::response::Json;
use common::job::{Job, JobOutcome, ListedKind};
use common::procedure::{ProcedureFilter, ProcedureInfo, ProcedureKind, ProcedureState, ProcedureSubject};
use common::time::rfc3339;
use common::types::{Gpid, TableId};
use serde::Serialize;
use uuid::Uuid;

use super::HttpDoor;
use super::error::Answer;
use super::guard::Admitted;
use super::params::Params;
use super::peer::{AddressBook, Peer};
use crate::owner::Owner;
use crate::service::{self, Cancelled};

/// Jobs in one answer, unless told otherwise, and at most.
const USUAL: usize = 100;
const MOST: usize = 20_000;

#[derive(Serialize)]
pub(super) struct Jobs {
    /// How many there are; fewer are shown if the limit is lower.
    total: usize,
    jobs: Vec<View>,
}

#[derive(Serialize)]
pub(super) struct View {
    id: Uuid,
    kind: ListedKind,
    /// What kind of procedure does it; `None`: a node by itself.
    procedure: Option<ProcedureKind>,
    gpid: Option<Gpid>,
    table_id: Option<TableId>,
    table: Option<String>,
    /// The node on which a move between disks runs.
    node: Option<Peer>,
    /// Empty where nothing moves.
    source: String,
    target: String,
    state: ProcedureState,
    step: String,
    percent: u8,
    partitions_done: Option<u32>,
    partitions_total: Option<u32>,
    bytes_done: u64,
    bytes_total: u64,
    rate_bytes_per_s: Option<u64>,
    eta_ms: Option<u64>,
    lag: Option<u64>,
    attempts: u32,
    write_pause_ms: Option<u64>,
    error: Option<String>,
    note: Option<String>,
    queued_at: String,
    started_at: Option<String>,
    updated_at: String,
    finished_at: Option<String>,
}

pub(super) async fn jobs(State(door): State<HttpDoor>, uri: Uri) -> Answer<Json<Jobs>> {
    let params = Params::of(&uri, &["kind", "state", "limit"])?;
    let kind: Option<ListedKind> = params.word("kind", "disk, region or table")?;
    let state: Option<ProcedureState> = params.word("state", "queued, running, completed, failed or cancelled")?;
    let limit = params.limit(USUAL, MOST)?;
    let mut jobs = door.owner()?.ask(|owner| Ok(all(owner))).await?;
    jobs.retain(|job| kind.is_none_or(|kind| kind == job.kind) && state.is_none_or(|state| state == job.state));
    let total = jobs.len();
    jobs.truncate(limit);
    Ok(Json(Jobs { total, jobs }))
}

pub(super) async fn cancel(_: Admitted, State(door): State<HttpDoor>, uri: Uri) -> Answer<Json<View>> {
    let id = Params::of(&uri, &["id"])?.required("id", "the id of a job, as /admin/jobs shows it")?;
    let owner = door.owner()?;
    let cancelled = service::cancel_job(&owner, &door.links, id).await?;
    let book = owner.ask(|owner| Ok(book(owner))).await?;
    Ok(Json(match cancelled {
        Cancelled::Disk(job) => of_disk(&job, &book),
        Cancelled::Procedure(info) => of_procedure(&info, &book),
    }))
}

fn book(owner: &Owner) -> AddressBook {
    AddressBook::new(owner.cluster().nodes().map(|node| (node.peer, node.address.clone())))
}

/// What is not over first, oldest first; then what ended, the latest first.
fn all(owner: &Owner) -> Vec<View> {
    let (cluster, now, book) = (owner.cluster(), owner.now(), book(owner));
    let disk = cluster.disk_jobs().map(|job| of_disk(job, &book));
    let procedures = cluster.procedure_infos(ProcedureFilter::default(), now);
    let mut jobs: Vec<View> = disk.chain(procedures.iter().map(|info| of_procedure(info, &book))).collect();
    // Times of one form are in order as texts.
    jobs.sort_by_cached_key(|job| (job.finished_at.is_some(), Reverse(job.finished_at.clone()), job.queued_at.clone()));
    jobs
}

fn of_disk(job: &Job, book: &AddressBook) -> View {
    let state = match job.outcome {
        JobOutcome::Running if job.started_at_ms.is_none() => ProcedureState::Queued,
        JobOutcome::Running => ProcedureState::Running,
        JobOutcome::Completed => ProcedureState::Completed,
        JobOutcome::Failed => ProcedureState::Failed,
        JobOutcome::Cancelled => ProcedureState::Cancelled,
    };
    View {
        id: job.id,
        kind: ListedKind::Disk,
        procedure: None,
        gpid: Some(job.subject),
        table_id: None,
        table: None,
        node: Some(book.peer(job.node)),
        source: job.source.clone(),
        target: job.target.clone(),
        state,
        step: job.state.to_string(),
        percent: job.percent(),
        partitions_done: None,
        partitions_total: None,
        bytes_done: job.bytes_done,
        bytes_total: job.bytes_total,
        rate_bytes_per_s: job.rate_bytes_per_s,
        eta_ms: job.eta_ms(),
        lag: None,
        attempts: job.retries,
        write_pause_ms: job.write_pause_ms,
        error: job.last_error.clone(),
        note: None,
        queued_at: rfc3339(job.queued_at_ms),
        started_at: job.started_at_ms.map(rfc3339),
        updated_at: rfc3339(job.updated_at_ms),
        finished_at: job.finished_at_ms.map(rfc3339),
    }
}

fn of_procedure(info: &ProcedureInfo, book: &AddressBook) -> View {
    let address = |peer| book.peer(peer).addr;
    let (kind, gpid, table, source, target) = match info.subject.clone() {
        ProcedureSubject::Replica { gpid, from, to } => {
            (ListedKind::Region, Some(gpid), None, address(from), address(to))
        }
        ProcedureSubject::Table { table_id, name } => {
            (ListedKind::Table, None, Some((table_id, name)), String::new(), String::new())
        }
    };
    let (table_id, table) = table.unzip();
    View {
        id: info.id,
        kind,
        procedure: Some(info.kind),
        gpid,
        table_id,
        table,
        node: None,
        source,
        target,
        state: info.state,
        step: info.step.clone(),
        percent: info.percent,
        partitions_done: info.partitions.map(|count| count.done),
        partitions_total: info.partitions.map(|count| count.total),
        bytes_done: info.bytes_done,
        bytes_total: info.bytes_total,
        rate_bytes_per_s: None,
        eta_ms: None,
        lag: info.lag,
        attempts: info.attempts,
        write_pause_ms: info.write_pause_ms,
        error: info.error.as_ref().map(|error| error.message.clone()),
        note: info.note.clone(),
        queued_at: rfc3339(info.queued_at_ms),
        started_at: info.started_at_ms.map(rfc3339),
        updated_at: rfc3339(info.updated_at_ms),
        finished_at: info.finished_at_ms.map(rfc3339),
    }
}
