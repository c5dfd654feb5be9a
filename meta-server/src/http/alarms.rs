//! `/admin/alarms`: what does not get well by itself, and what to do.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Json;
use common::alarm::{Alarm, AlarmKind, AlarmSubject};
use common::time::rfc3339;
use common::types::Gpid;
use serde::Serialize;

use super::HttpDoor;
use super::error::Answer;
use super::params::Params;
use super::peer::{AddressBook, Peer};

/// Alarms in one answer, unless told otherwise, and at most.
const USUAL: usize = 1000;
const MOST: usize = 20_000;

#[derive(Serialize)]
pub(super) struct Alarms {
    /// How many there are; fewer are shown if the limit is lower.
    total: usize,
    alarms: Vec<View>,
}

#[derive(Serialize)]
struct View {
    kind: AlarmKind,
    gpid: Option<Gpid>,
    node: Option<Peer>,
    since: Option<String>,
    count: Option<u32>,
    message: String,
    hint: String,
}

pub(super) async fn alarms(State(door): State<HttpDoor>, uri: Uri) -> Answer<Json<Alarms>> {
    let limit = Params::of(&uri, &["limit"])?.limit(USUAL, MOST)?;
    let owner = door.owner()?;
    let ask = owner.ask(|owner| {
        let nodes: Vec<_> = owner.cluster().nodes().map(|node| (node.peer, node.address.clone())).collect();
        Ok((owner.alarms(), AddressBook::new(nodes)))
    });
    let (found, book) = ask.await?;
    let total = found.len();
    Ok(Json(Alarms { total, alarms: found.into_iter().take(limit).map(|alarm| view(alarm, &book)).collect() }))
}

fn view(alarm: Alarm, book: &AddressBook) -> View {
    let Alarm { kind, subject, since_ms, count, message, hint } = alarm;
    let (gpid, node) = match subject {
        AlarmSubject::Partition(gpid) => (Some(gpid), None),
        AlarmSubject::Node(peer) => (None, Some(book.peer(peer))),
    };
    View { kind, gpid, node, since: since_ms.map(rfc3339), count, message, hint }
}
