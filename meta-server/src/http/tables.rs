//! `/admin/tables`: the tables.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Json;
use common::rpc::meta_admin::TableInfo;
use serde::Serialize;

use super::HttpDoor;
use super::error::Answer;
use super::params::Params;

#[derive(Serialize)]
pub(super) struct Tables {
    tables: Vec<TableInfo>,
}

pub(super) async fn tables(State(door): State<HttpDoor>, uri: Uri) -> Answer<Json<Tables>> {
    Params::of(&uri, &[])?;
    let tables = door.owner()?.ask(|owner| Ok(owner.cluster().table_infos())).await?;
    Ok(Json(Tables { tables }))
}
