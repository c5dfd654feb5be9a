//! `/health` and `/metrics`.

mod collector;
mod encode;
mod move_collector;

use std::sync::{Arc, OnceLock};

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use common::metrics::{CONTENT_TYPE, Metrics};
use common::shutdown::Stop;
use serde::Serialize;
use tokio::net::TcpListener;

use crate::replica::Node;

pub(crate) use collector::NodeCollector;
pub(crate) use move_collector::MoveCollector;

/// What the HTTP door knows: from the start of the process, before there is a node.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) node: Arc<OnceLock<Arc<Node>>>,
    pub(crate) metrics: Metrics,
    pub(crate) stop: Stop,
}

/// The answer of `/health`.
#[derive(Debug, Serialize)]
struct Health {
    status: &'static str,
    /// Why it is not ready; empty if it is.
    reasons: Vec<String>,
}

impl Door {
    fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        match self.node.get() {
            None => reasons.push("not registered with a meta server yet".to_owned()),
            Some(node) if !node.is_loaded() => reasons.push("replicas are still being loaded".to_owned()),
            Some(_) => {}
        }
        if self.stop.is_cancelled() {
            reasons.push("the server is stopping".to_owned());
        }
        reasons
    }
}

/// Serves until told to stop.
pub(crate) async fn serve(listener: TcpListener, door: Door) {
    let stop = door.stop.clone();
    let router = Router::new().route("/health", get(health)).route("/metrics", get(metrics)).with_state(door);
    let served = axum::serve(listener, router).with_graceful_shutdown(async move { stop.cancelled().await }).await;
    if let Err(error) = served {
        tracing::error!(%error, "the http door closed");
    }
}

async fn health(State(door): State<Door>) -> Response {
    let reasons = door.reasons();
    let (code, status) =
        if reasons.is_empty() { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "unavailable") };
    (code, Json(Health { status, reasons })).into_response()
}

async fn metrics(State(door): State<Door>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], door.metrics.render()).into_response()
}
