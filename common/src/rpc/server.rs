//! The server side: binds a port under the bind rule, admits connections, and hands each to the service that it names.
//!
//! A connection is a task of its own: what one peer sends, a panic included, ends that connection and no other.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tarpc::server::{BaseChannel, Channel, Config, Requests};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::auth::{self, Secret};
use super::codec::FrameCodec;
use super::service::{IN_FLIGHT_MAX, Service};
use super::transport;
use crate::shutdown::Stop;

/// After a failed accept (out of file descriptors, for example) the next one waits this long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Who may connect, and where one may listen.
#[derive(Clone, Debug, Default)]
pub struct Security {
    /// The cluster secret; without it only loopback may be bound.
    pub secret: Option<Secret>,
    /// Binds any address even without a secret.
    pub insecure: bool,
}

/// How a server treats connections.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Secret and bind rule.
    pub security: Security,
    /// Connections at once, those in the handshake included; more are closed unheard.
    pub connections_max: usize,
    /// A connection that has not finished its handshake by then is closed.
    pub handshake_timeout: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self { security: Security::default(), connections_max: 4096, handshake_timeout: Duration::from_secs(5) }
    }
}

/// Why a port cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// No address comes of the text.
    #[error("'{0}' is no address to listen on ({1}); write host:port, for example 127.0.0.1:34801")]
    Address(String, io::Error),
    /// The bind rule.
    #[error(
        "{0} is not a loopback address and there is no cluster secret; set secret_file, or give --insecure to let anybody in"
    )]
    Exposed(SocketAddr),
    /// The kernel refuses.
    #[error("cannot listen on {0}: {1}; is another process using the port?")]
    Refused(SocketAddr, io::Error),
}

/// The bind rule, for every door (rpc, HTTP, RESP): a non-loopback address needs a secret or `insecure`.
///
/// # Errors
/// [`BindError::Exposed`].
pub fn check_bind(address: SocketAddr, security: &Security) -> Result<(), BindError> {
    let allowed = address.ip().is_loopback() || security.secret.is_some() || security.insecure;
    if allowed { Ok(()) } else { Err(BindError::Exposed(address)) }
}

/// Binds `host:port` under the bind rule. Every address that the name stands for must pass; the first is bound.
///
/// # Errors
/// [`BindError`].
pub async fn bind(address: &str, security: &Security) -> Result<TcpListener, BindError> {
    let bad = |e| BindError::Address(address.to_owned(), e);
    let found: Vec<SocketAddr> = tokio::net::lookup_host(address).await.map_err(bad)?.collect();
    for one in &found {
        check_bind(*one, security)?;
    }
    let first = *found.first().ok_or_else(|| bad(io::ErrorKind::NotFound.into()))?;
    TcpListener::bind(first).await.map_err(|e| BindError::Refused(first, e))
}

type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Which services a port offers. Filled with the macro [`crate::route`].
#[derive(Default)]
pub struct Router {
    routes: BTreeMap<Service, Box<dyn Fn(Connection) -> Serving + Send + Sync>>,
}

impl std::fmt::Debug for Router {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.routes.keys()).finish()
    }
}

impl Router {
    /// A router without services.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a service; called by [`crate::route`].
    pub fn add(&mut self, service: Service, serve: impl Fn(Connection) -> Serving + Send + Sync + 'static) {
        let before = self.routes.insert(service, Box::new(serve));
        assert!(before.is_none(), "service {service} is routed twice");
    }
}

/// Routes a service to a handler: `route!(router, Service::Data, handler)`, where `handler` is of a concrete `Clone`
/// type that implements the tarpc trait (which must be in scope).
///
/// A macro, because tarpc's service traits do not promise that their futures are `Send`; the compiler can only see it
/// where the type is known.
#[macro_export]
macro_rules! route {
    ($router:expr, $service:expr, $handler:expr) => {{
        let handler = $handler;
        $router.add($service, move |connection: $crate::rpc::Connection| {
            let handler = handler.clone();
            ::std::boxed::Box::pin($crate::rpc::drive(connection.requests().execute(handler.serve())))
        })
    }};
}

/// A connection that passed the handshake.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
}

/// The requests of a connection.
pub type ConnectionRequests<Req, Resp> =
    Requests<tarpc::server::limits::requests_per_channel::MaxRequests<ServerChannel<Req, Resp>>>;

type ServerChannel<Req, Resp> =
    BaseChannel<Req, Resp, tokio_util::codec::Framed<TcpStream, FrameCodec<tarpc::ClientMessage<Req>>>>;

impl Connection {
    /// Gives the connection to tarpc. Requests past twice a client's own limit are answered with an error.
    pub fn requests<Req: DeserializeOwned, Resp: Serialize>(self) -> ConnectionRequests<Req, Resp> {
        let config = Config { pending_response_buffer: IN_FLIGHT_MAX };
        BaseChannel::new(config, transport::server(self.stream)).max_concurrent_requests(2 * IN_FLIGHT_MAX).requests()
    }
}

/// Runs every request of a connection as a task of its own until the connection ends.
pub async fn drive<F: Future<Output = ()> + Send + 'static>(requests: impl Stream<Item = F>) {
    let mut requests = std::pin::pin!(requests);
    while let Some(request) = requests.next().await {
        tokio::spawn(request);
    }
}

/// Serves until told to stop; then every connection is closed.
pub async fn serve(listener: TcpListener, router: Router, options: ServerOptions, stop: Stop) {
    let places = Arc::new(Semaphore::new(options.connections_max));
    let shared = Arc::new((router, options, stop.clone()));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, from)) => admit(stream, from, &places, &shared),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

type Shared = Arc<(Router, ServerOptions, Stop)>;

fn admit(stream: TcpStream, from: SocketAddr, places: &Arc<Semaphore>, shared: &Shared) {
    let Ok(place) = places.clone().try_acquire_owned() else {
        tracing::warn!(%from, limit = shared.1.connections_max, "connection closed: connections_max is reached");
        return;
    };
    let shared = shared.clone();
    tokio::spawn(async move {
        let stop = shared.2.clone();
        tokio::select! {
            () = stop.cancelled() => {}
            () = attend(stream, from, &shared, place) => {}
        }
    });
}

async fn attend(mut stream: TcpStream, from: SocketAddr, shared: &Shared, _place: OwnedSemaphorePermit) {
    let (router, options, _) = shared.as_ref();
    if let Err(error) = transport::prepare(&stream) {
        return tracing::debug!(%from, %error, "socket cannot be set up");
    }
    let offered = |service| router.routes.contains_key(&service);
    let handshake = auth::receive_client(&mut stream, options.security.secret.as_ref(), offered);
    match tokio::time::timeout(options.handshake_timeout, handshake).await {
        Ok(Ok(service)) => {
            if let Some(route) = router.routes.get(&service) {
                route(Connection { stream }).await;
            }
        }
        Ok(Err(error)) => tracing::info!(%from, %error, "connection refused"),
        Err(_) => tracing::info!(%from, "connection closed: silent during the handshake"),
    }
}
