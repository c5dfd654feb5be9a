//! `/admin/maintenance`: maintenance mode, shown and switched.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Json;
use common::rpc::meta_admin::Maintenance;
use common::time::rfc3339;
use serde::Serialize;

use super::HttpDoor;
use super::error::Answer;
use super::guard::Admitted;
use super::params::Params;
use crate::service;

#[derive(Serialize)]
pub(super) struct View {
    maintenance: bool,
    since: Option<String>,
}

pub(super) async fn show(State(door): State<HttpDoor>, uri: Uri) -> Answer<Json<View>> {
    Params::of(&uri, &[])?;
    Ok(view(service::maintenance(&door.owner()?).await?))
}

pub(super) async fn switch(_: Admitted, State(door): State<HttpDoor>, uri: Uri) -> Answer<Json<View>> {
    let on: bool = Params::of(&uri, &["enable"])?.required("enable", "true or false")?;
    Ok(view(service::set_maintenance(&door.owner()?, on).await?))
}

fn view(state: Maintenance) -> Json<View> {
    Json(View { maintenance: state.since_ms.is_some(), since: state.since_ms.map(rfc3339) })
}
