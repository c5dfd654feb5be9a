//! The HTTP door: health and metrics.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Json};
use axum::routing::get;
use common::metrics::Metrics;
use common::shutdown::Stop;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::owner::Handle;

#[derive(Clone, Debug)]
pub(crate) struct HttpDoor {
    /// Empty until the metadata was read.
    pub(crate) owner: watch::Receiver<Option<Handle>>,
    pub(crate) metrics: Metrics,
    pub(crate) stop: Stop,
}

/// Serves until told to stop.
pub(crate) async fn serve(listener: TcpListener, door: HttpDoor) {
    let stop = door.stop.clone();
    let routes = Router::new().route("/health", get(health)).route("/metrics", get(metrics)).with_state(door);
    let served = axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned()).await;
    if let Err(error) = served {
        tracing::error!(%error, "the http port ended");
    }
}

async fn health(State(door): State<HttpDoor>) -> (StatusCode, Json<Value>) {
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
    let owner = door.owner.borrow().clone();
    match owner {
        None => vec!["the metadata is being read".to_owned()],
        Some(owner) => owner.ask(|_| Ok(())).await.err().map(|e| e.message).into_iter().collect(),
    }
}

async fn metrics(State(door): State<HttpDoor>) -> impl IntoResponse {
    ([(CONTENT_TYPE, common::metrics::CONTENT_TYPE)], door.metrics.render())
}
