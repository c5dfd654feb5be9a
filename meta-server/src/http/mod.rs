//! The HTTP door: the administration of the cluster, health and metrics, and the console. One noun a file.
//!
//! Every refusal is a JSON document with code, message and hint ([`error`]); what changes the cluster is let through by
//! [`guard`]; `/openapi.json` describes it all, and a test holds it to [`routes`].

mod alarms;
mod cluster;
mod connections;
mod console;
mod disk_plan;
mod error;
mod guard;
mod headers;
mod health;
mod jobs;
mod leader;
mod maintenance;
mod nodes;
mod openapi;
mod params;
mod partitions;
mod peer;
mod procedure;
mod route;
mod tables;

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, Uri};
use axum::middleware::map_response;
use axum::routing::{MethodRouter, get, post};
use common::metrics::Metrics;
use common::rpc::{ErrorCode, WireError, WireResult};
use common::shutdown::Stop;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::owner::Handle;
use crate::push::NodeLinks;
use connections::Limits;
use error::Refusal;
use guard::Guard;

#[derive(Clone, Debug)]
pub(crate) struct HttpDoor {
    /// Empty until the metadata was read.
    pub(crate) owner: watch::Receiver<Option<Handle>>,
    pub(crate) links: Arc<NodeLinks>,
    pub(crate) metrics: Metrics,
    pub(crate) guard: Arc<Guard>,
    pub(crate) stop: Stop,
}

pub(crate) use guard::Guard as HttpGuard;

impl HttpDoor {
    /// The owner of the state.
    fn owner(&self) -> WireResult<Handle> {
        let owner = self.owner.borrow().clone();
        owner.ok_or_else(|| WireError::new(ErrorCode::NotReady, "the metadata is being read", "try again in a moment"))
    }
}

/// Serves until told to stop.
pub(crate) async fn serve(listener: TcpListener, door: HttpDoor) {
    let stop = door.stop.clone();
    connections::serve(listener, router(door), Limits::default(), stop).await;
}

fn router(door: HttpDoor) -> Router {
    let all = routes().into_iter().fold(Router::new(), |router, (path, methods)| router.route(path, methods));
    let all = all.fallback(unknown_path).method_not_allowed_fallback(wrong_method);
    all.layer(map_response(headers::add)).with_state(door)
}

/// All that is served.
fn routes() -> Vec<(&'static str, MethodRouter<HttpDoor>)> {
    vec![
        ("/", get(console::page)),
        ("/console/{name}", get(console::asset)),
        ("/health", get(health::health)),
        ("/metrics", get(health::metrics)),
        ("/openapi.json", get(openapi::document)),
        ("/admin/leader", get(leader::leader)),
        ("/admin/cluster", get(cluster::cluster)),
        ("/admin/nodes", get(nodes::nodes)),
        ("/admin/tables", get(tables::tables)),
        ("/admin/route", get(route::route)),
        ("/admin/partitions", get(partitions::partitions)),
        ("/admin/alarms", get(alarms::alarms)),
        ("/admin/jobs", get(jobs::jobs)),
        ("/admin/job/cancel", post(jobs::cancel)),
        ("/admin/region-migration", get(procedure::migrate).post(procedure::migrate).head(procedure::no_head)),
        ("/admin/procedure", get(procedure::one)),
        ("/admin/procedures", get(procedure::list)),
        ("/admin/procedure/cancel", post(procedure::cancel)),
        ("/admin/disk-plan", get(disk_plan::plan)),
        ("/admin/maintenance", get(maintenance::show).post(maintenance::switch)),
    ]
}

async fn unknown_path(uri: Uri) -> Refusal {
    let message = format!("there is nothing at {}", uri.path());
    WireError::new(ErrorCode::UnknownPath, message, "/openapi.json lists what there is").into()
}

async fn wrong_method(method: Method, uri: Uri) -> Refusal {
    let message = format!("{} does not take {method}", uri.path());
    WireError::new(ErrorCode::WrongMethod, message, "the header Allow and /openapi.json say what it takes").into()
}
