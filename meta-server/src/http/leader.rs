//! `/admin/leader`: where the meta server that decides is reached over HTTP.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use common::rpc::WireError;
use tokio::net::TcpStream;

use super::error::Answer;

/// The address at which the client of a connection reached us. It is what we listen on, and unlike `0.0.0.0` it is surely
/// one that a client can use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reached(Option<SocketAddr>);

impl Reached {
    pub(super) fn through(stream: &TcpStream) -> Self {
        // An IPv4 client of an IPv6 socket knows itself by its IPv4 address.
        Self(stream.local_addr().ok().map(|at| SocketAddr::new(at.ip().to_canonical(), at.port())))
    }
}

pub(super) async fn leader(ConnectInfo(Reached(address)): ConnectInfo<Reached>) -> Answer<String> {
    let address = address.ok_or_else(|| WireError::internal("the connection has no address"))?;
    Ok(address.to_string())
}
