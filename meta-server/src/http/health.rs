//! `/health` and `/metrics`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Json};
use serde_json::{Value, json};

use super::HttpDoor;

pub(super) async fn health(State(door): State<HttpDoor>) -> (StatusCode, Json<Value>) {
    let reasons = reasons(&door).await;
    if reasons.is_empty() {
        (StatusCode::OK, Json(json!({"status": "ok"})))
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"status": "not ready", "reasons": reasons})))
    }
}

async fn reasons(door: &HttpDoor) -> Vec<String> {
    if door.stop.is_cancelled() {
        return vec!["the server is stopping".to_owned()];
    }
    match door.owner() {
        Err(error) => vec![error.message],
        Ok(owner) => owner.ask(|_| Ok(())).await.err().map(|e| e.message).into_iter().collect(),
    }
}

pub(super) async fn metrics(State(door): State<HttpDoor>) -> impl IntoResponse {
    ([(CONTENT_TYPE, common::metrics::CONTENT_TYPE)], door.metrics.render())
}
