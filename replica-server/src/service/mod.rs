//! The doors of a replica server: one handler per tarpc service. Thin; a dropped handler never leaves a change half done,
//! because it only sends to an owned task and waits.

mod admin;
mod data;
mod peer;
mod read;

use std::sync::Arc;

use common::route;
use common::rpc::data::DataService as _;
use common::rpc::node_admin::NodeAdminService as _;
use common::rpc::peer::PeerService as _;
use common::rpc::{Router, Service};

use crate::migrate::Migrator;
use crate::replica::Node;
use crate::replica::host::Host;

/// All services of a replica server on one port.
pub(crate) fn router(node: &Arc<Node>, migrator: &Arc<Migrator<Host>>) -> Router {
    let mut router = Router::new();
    route!(router, Service::Peer, peer::PeerDoor { node: Arc::clone(node) });
    route!(router, Service::Data, data::DataDoor { node: Arc::clone(node) });
    route!(router, Service::NodeAdmin, admin::AdminDoor { node: Arc::clone(node), migrator: Arc::clone(migrator) });
    router
}
