//! The server's parts put together: options -> start -> running.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use common::clock::Clock;
use common::metrics::Metrics;
use common::rpc::meta_admin::{Leader, MetaAdminService};
use common::rpc::meta_node::MetaNodeService;
use common::rpc::{BindError, LinkOptions, Router, Secret, Security, ServerOptions, Service, bind, serve};
use common::shutdown::Stop;
use meta_state::policy::GuardianOptions;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::http::{self, HttpDoor, HttpGuard};
use crate::metrics::MetaMetrics;
use crate::owner::{Handle, OpenError, Owner, OwnerOptions};
use crate::procedures;
use crate::push::{NodeLinks, Outbox};
use crate::service::{AdminDoor, NodeDoor};
use crate::store::MetaStore;

/// How often the guardian looks, unless told otherwise.
pub const TICK: Duration = Duration::from_millis(200);
/// After it was told to stop the server waits so long for what is under way.
const STOP_MAX: Duration = Duration::from_secs(5);

/// What a meta server needs.
#[derive(Debug)]
pub struct MetaOptions {
    /// Where the state is kept.
    pub store: Arc<dyn MetaStore>,
    /// `host:port` of the rpc port; port 0: any.
    pub listen: String,
    /// `host:port` of the http port; port 0: any.
    pub http: String,
    /// Who may connect.
    pub security: Security,
    /// What changing requests over HTTP must present; without one they must not come from another site, and the http
    /// port is on loopback unless `security` is insecure.
    pub admin_token: Option<Secret>,
    /// Settings of the guardian.
    pub guardian: GuardianOptions,
    /// How often the guardian looks.
    pub tick: Duration,
    /// Time.
    pub clock: Clock,
    /// Told when to stop.
    pub stop: Stop,
}

/// Why a meta server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The rule of the http port.
    #[error(
        "{0} is not a loopback address and there is no admin token; set admin_token_file, or give --insecure to let anybody change the cluster over HTTP"
    )]
    NoAdminToken(SocketAddr),
    /// A port's own address.
    #[error("cannot read the address of a port: {0}")]
    Address(#[from] std::io::Error),
    /// The state.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// A meta server that runs.
#[derive(Debug)]
pub struct Running {
    /// Address of the rpc port.
    pub rpc: SocketAddr,
    /// Address of the http port.
    pub http: SocketAddr,
    tasks: JoinSet<()>,
    owner: oneshot::Receiver<()>,
    stop: Stop,
}

impl Running {
    /// Waits until the server was told to stop, and everything has ended and is closed. What hangs is left behind:
    /// whatever was answered is durable.
    pub async fn ended(mut self) {
        self.stop.cancelled().await;
        let closed = tokio::time::timeout(STOP_MAX, async {
            while self.tasks.join_next().await.is_some() {}
            // An error says that the sender is gone, and with it the owner's thread.
            let _ = self.owner.await;
        });
        if closed.await.is_err() {
            tracing::warn!("stopped without waiting for a request or the store any longer");
        }
    }
}

/// Starts a meta server.
///
/// # Errors
/// [`StartError`].
pub async fn start(options: MetaOptions) -> Result<Running, StartError> {
    let rpc = bind(&options.listen, &options.security).await?;
    let http = bind_http(&options).await?;
    let (rpc_address, http_address) = (rpc.local_addr()?, http.local_addr()?);
    let metrics = Metrics::new();
    let link_options = LinkOptions { secret: options.security.secret.clone(), ..LinkOptions::default() };
    let links = Arc::new(NodeLinks::new(Arc::new(link_options)));
    let (outbox, deal_out) = Outbox::new(Arc::clone(&links));
    let owner = OwnerOptions {
        store: options.store,
        clock: options.clock,
        guardian: options.guardian,
        metrics: MetaMetrics::new(&metrics),
        outbox,
    };
    let stop = options.stop;
    let mut tasks = JoinSet::new();
    let (opened, shown) = watch::channel(None);
    let guard = Arc::new(HttpGuard::new(options.admin_token, &options.http));
    let door = HttpDoor { owner: shown, links: links.clone(), metrics, guard, stop: stop.clone() };
    tasks.spawn(http::serve(http, door));
    let started = tokio::task::spawn_blocking(move || Owner::start(owner)).await;
    let (handle, owner) = started.map_err(std::io::Error::other)??;
    opened.send_replace(Some(handle.clone()));
    tasks.spawn(deal_out);
    tasks.spawn(procedures::run(handle.clone(), Arc::clone(&links), stop.clone()));
    let leader = Leader { rpc: rpc_address, http: http_address };
    let admin = AdminDoor { owner: handle.clone(), links, leader };
    tasks.spawn(serve_rpc(rpc, options.security, admin, stop.clone()));
    tasks.spawn(tick(handle, options.tick, stop.clone()));
    tracing::info!(rpc = %rpc_address, http = %http_address, "meta server runs");
    Ok(Running { rpc: rpc_address, http: http_address, tasks, owner, stop })
}

async fn bind_http(options: &MetaOptions) -> Result<TcpListener, StartError> {
    let security = Security { secret: options.admin_token.clone(), insecure: options.security.insecure };
    bind(&options.http, &security).await.map_err(|error| match error {
        BindError::Exposed(address) => StartError::NoAdminToken(address),
        BindError::Address(..) | BindError::Refused(..) => error.into(),
    })
}

async fn serve_rpc(listener: TcpListener, security: Security, admin: AdminDoor, stop: Stop) {
    let mut router = Router::new();
    common::route!(router, Service::MetaNode, NodeDoor { owner: admin.owner.clone() });
    common::route!(router, Service::MetaAdmin, admin);
    serve(listener, router, ServerOptions { security, ..ServerOptions::default() }, stop).await;
}

async fn tick(owner: Handle, every: Duration, stop: Stop) {
    let mut interval = tokio::time::interval(every);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = interval.tick() => {}
        }
        if let Err(error) = owner.ask(Owner::tick).await {
            tracing::warn!(%error, "the guardian could not act");
        }
    }
}
