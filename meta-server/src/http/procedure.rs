//! `/admin/region-migration`, `/admin/procedure` and what belongs to it: work of several steps, started, shown, cancelled.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Json;
use common::procedure::{
    MigrateRegion, ProcedureError, ProcedureFilter, ProcedureInfo, ProcedureKind, ProcedureState, ProcedureStep,
    ProcedureSubject,
};
use common::rpc::{ErrorCode, WireError, WireResult};
use common::time::rfc3339;
use common::types::{Gpid, PeerId, TableId};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::HttpDoor;
use super::error::Answer;
use super::guard::Admitted;
use super::params::{HumanTime, Params};
use crate::procedures;

/// How long a new copy may take to catch up, unless told otherwise.
const REPLAY_TIMEOUT: &str = "5m";
/// Procedures in one answer, unless told otherwise, and at most.
const USUAL: usize = 100;
const MOST: usize = 20_000;
const ID: &str = "the id of a procedure, as /admin/procedures shows it";

#[derive(Serialize)]
pub(super) struct Procedures {
    procedures: Vec<View>,
}

#[derive(Serialize)]
pub(super) struct View {
    id: Uuid,
    kind: ProcedureKind,
    state: ProcedureState,
    step: String,
    percent: u8,
    lag: Option<u64>,
    attempts: u32,
    gpid: Option<Gpid>,
    region_id: Option<u64>,
    from_peer_id: Option<PeerId>,
    to_peer_id: Option<PeerId>,
    table_id: Option<TableId>,
    table: Option<String>,
    partitions_done: Option<u32>,
    partitions_total: Option<u32>,
    error: Option<ProcedureError>,
    note: Option<String>,
    history: Vec<Step>,
    write_pause_ms: Option<u64>,
    bytes_done: u64,
    bytes_total: u64,
    queued_at: String,
    started_at: Option<String>,
    updated_at: String,
    finished_at: Option<String>,
    deadline_at: Option<String>,
}

#[derive(Serialize)]
struct Step {
    step: String,
    at: String,
}

pub(super) async fn migrate(_: Admitted, State(door): State<HttpDoor>, uri: Uri) -> Answer<Json<Value>> {
    let request = request(&uri)?;
    let accepted = procedures::migrate_region(&door.owner()?, request).await?;
    Ok(Json(json!({"procedure_id": accepted.id})))
}

/// Whoever only asks for the head of an answer means to change nothing.
pub(super) async fn no_head() -> Answer<()> {
    Err(WireError::new(ErrorCode::WrongMethod, "a migration is not started by HEAD", "use GET or POST").into())
}

fn request(uri: &Uri) -> WireResult<MigrateRegion> {
    let params = Params::of(uri, &["region_id", "from_peer_id", "to_peer_id", "replay_timeout"])?;
    let peer = "the peer id of a node, as /admin/nodes shows it";
    let region = params.required("region_id", "the number of a region, as /admin/route shows it")?;
    let given = params.optional("replay_timeout", "a time with its units, for example 5m or 1h30m10s")?;
    let HumanTime(replay_timeout) = given.map_or_else(|| REPLAY_TIMEOUT.parse().map_err(WireError::internal), Ok)?;
    Ok(MigrateRegion {
        gpid: Gpid::from_region_id(region),
        from: PeerId(params.required("from_peer_id", peer)?),
        to: PeerId(params.required("to_peer_id", peer)?),
        replay_timeout_ms: u64::try_from(replay_timeout.as_millis()).unwrap_or(u64::MAX),
    })
}

pub(super) async fn one(State(door): State<HttpDoor>, uri: Uri) -> Answer<Json<View>> {
    let id = Params::of(&uri, &["id"])?.required("id", ID)?;
    Ok(Json(view(procedures::one(&door.owner()?, id).await?)))
}

pub(super) async fn list(State(door): State<HttpDoor>, uri: Uri) -> Answer<Json<Procedures>> {
    let params = Params::of(&uri, &["state", "limit"])?;
    let state = params.word("state", "queued, running, completed, failed or cancelled")?;
    let limit = u32::try_from(params.limit(USUAL, MOST)?).ok();
    let found = procedures::list(&door.owner()?, ProcedureFilter { state, limit }).await?;
    Ok(Json(Procedures { procedures: found.into_iter().map(view).collect() }))
}

pub(super) async fn cancel(_: Admitted, State(door): State<HttpDoor>, uri: Uri) -> Answer<Json<View>> {
    let id = Params::of(&uri, &["id"])?.required("id", ID)?;
    Ok(Json(view(procedures::cancel(&door.owner()?, id).await?)))
}

fn view(info: ProcedureInfo) -> View {
    let step = |step: ProcedureStep| Step { step: step.step, at: rfc3339(step.at_ms) };
    let (gpid, from, to, table) = match info.subject {
        ProcedureSubject::Replica { gpid, from, to } => (Some(gpid), Some(from), Some(to), None),
        ProcedureSubject::Table { table_id, name } => (None, None, None, Some((table_id, name))),
    };
    let (table_id, table) = table.unzip();
    View {
        id: info.id,
        kind: info.kind,
        state: info.state,
        step: info.step,
        percent: info.percent,
        lag: info.lag,
        attempts: info.attempts,
        gpid,
        region_id: gpid.map(Gpid::region_id),
        from_peer_id: from,
        to_peer_id: to,
        table_id,
        table,
        partitions_done: info.partitions.map(|count| count.done),
        partitions_total: info.partitions.map(|count| count.total),
        error: info.error,
        note: info.note,
        history: info.history.into_iter().map(step).collect(),
        write_pause_ms: info.write_pause_ms,
        bytes_done: info.bytes_done,
        bytes_total: info.bytes_total,
        queued_at: rfc3339(info.queued_at_ms),
        started_at: info.started_at_ms.map(rfc3339),
        updated_at: rfc3339(info.updated_at_ms),
        finished_at: info.finished_at_ms.map(rfc3339),
        deadline_at: info.deadline_at_ms.map(rfc3339),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> WireResult<MigrateRegion> {
        request(&format!("/admin/region-migration?{query}").parse().unwrap())
    }

    #[test]
    fn a_request_is_read_as_the_documents_write_it_and_may_leave_out_the_time() {
        let query = "region_id=4668629450753&from_peer_id=2&to_peer_id=0";
        let expected =
            MigrateRegion { gpid: Gpid::new(1087, 1), from: PeerId(2), to: PeerId(0), replay_timeout_ms: 300_000 };
        assert_eq!(asked(query), Ok(expected));
        assert_eq!(asked(&format!("{query}&replay_timeout=5m")), Ok(expected));
        let long = asked(&format!("{query}&replay_timeout=1h30m10s")).unwrap();
        assert_eq!(long.replay_timeout_ms, 5_410_000);
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (query, name) in [
            ("from_peer_id=2&to_peer_id=0", "region_id"),
            ("region_id=1.0&from_peer_id=2&to_peer_id=0", "region_id"),
            ("region_id=1&to_peer_id=0", "from_peer_id"),
            ("region_id=1&from_peer_id=2&to_peer_id=host:4001", "to_peer_id"),
            ("region_id=1&from_peer_id=2&to_peer_id=0&replay_timeout=5", "replay_timeout"),
            ("region_id=1&from_peer_id=2&to_peer_id=0&timeout=5m", "timeout"),
        ] {
            let message = asked(query).unwrap_err().message;
            assert!(message.contains(&format!("'{name}'")), "{query}: {message}");
        }
    }
}
