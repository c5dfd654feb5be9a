//! The services that a connection may carry, and the client type of each.

use std::fmt;
use std::future::Future;

use serde::{Deserialize, Serialize};
use tarpc::client::{Config, NewClient};
use tokio::net::TcpStream;

use super::data::DataServiceClient;
use super::meta_admin::MetaAdminServiceClient;
use super::meta_node::MetaNodeServiceClient;
use super::node_admin::NodeAdminServiceClient;
use super::peer::PeerServiceClient;
use super::transport;

/// Calls that one connection holds in flight; more wait in the client.
pub(super) const IN_FLIGHT_MAX: usize = 1000;

/// Names what a connection is for. A connection carries exactly one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Service {
    /// `PeerService`, between replica servers.
    Peer,
    /// `DataService`, client to replica server.
    Data,
    /// `NodeAdminService`, operator and meta server to replica server.
    NodeAdmin,
    /// `MetaNodeService`, replica server to meta server.
    MetaNode,
    /// `MetaAdminService`, client and operator to meta server.
    MetaAdmin,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Peer => "peer",
            Self::Data => "data",
            Self::NodeAdmin => "node-admin",
            Self::MetaNode => "meta-node",
            Self::MetaAdmin => "meta-admin",
        })
    }
}

/// A tarpc client that a [`super::Link`] can make.
pub trait RpcClient: Clone + Send + Sync + 'static {
    /// The service that it speaks to.
    const SERVICE: Service;

    /// Makes it over an authenticated connection, and the task that drives it until the connection ends.
    fn over(stream: TcpStream) -> (Self, impl Future<Output = ()> + Send + 'static);
}

macro_rules! client {
    ($client:ty, $service:ident) => {
        impl RpcClient for $client {
            const SERVICE: Service = Service::$service;

            fn over(stream: TcpStream) -> (Self, impl Future<Output = ()> + Send + 'static) {
                let mut config = Config::default();
                config.max_in_flight_requests = IN_FLIGHT_MAX;
                config.pending_request_buffer = IN_FLIGHT_MAX;
                let NewClient { client, dispatch } = <$client>::new(config, transport::client(stream));
                let drive = async move {
                    if let Err(error) = dispatch.await {
                        tracing::debug!(service = %Service::$service, %error, "connection broke");
                    }
                };
                (client, drive)
            }
        }
    };
}

client!(PeerServiceClient, Peer);
client!(DataServiceClient, Data);
client!(NodeAdminServiceClient, NodeAdmin);
client!(MetaNodeServiceClient, MetaNode);
client!(MetaAdminServiceClient, MetaAdmin);
