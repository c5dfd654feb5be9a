//! A TCP connection as tarpc wants it, and how its socket is set. The only place that would change for TLS: whatever
//! is read and written here is behind one stream type.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use socket2::{SockRef, TcpKeepalive};
use tarpc::{ClientMessage, Response};
use tokio::net::TcpStream;
use tokio_util::codec::Framed;

use super::codec::FrameCodec;

/// Sent bytes that nobody acknowledges for this long end the connection (the host is gone, not only its process).
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(10);
const KEEPALIVE_AFTER: Duration = Duration::from_secs(10);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(5);

/// Sets a socket up: no delay for small messages (tarpc leaves that to us), and an end to connections to hosts that
/// vanished without a word.
///
/// # Errors
/// What the kernel says; the connection is of no use then.
pub(super) fn prepare(stream: &TcpStream) -> std::io::Result<()> {
    let socket = SockRef::from(stream);
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_EVERY))?;
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX))
}

/// The transport of a client.
pub(super) fn client<Req: Serialize, Resp: DeserializeOwned>(
    stream: TcpStream,
) -> impl tarpc::Transport<ClientMessage<Req>, Response<Resp>, TransportError: Send + Sync> {
    Framed::new(stream, FrameCodec::<Response<Resp>>::new())
}

/// The transport of a server.
pub(super) fn server<Req: DeserializeOwned>(stream: TcpStream) -> Framed<TcpStream, FrameCodec<ClientMessage<Req>>> {
    Framed::new(stream, FrameCodec::new())
}
