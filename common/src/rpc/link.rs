//! The client side: a link to one address that connects when it is first used, again after it broke, and shares one
//! connection among concurrent calls.
//!
//! ```text
//! Waiting --call--> Connecting --ok--> Live --breaks, then call--> Connecting
//!    ^                  |
//!    +------failed------+   (until the backoff is over, calls fail at once with the last cause)
//! ```

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use rand::rngs::OsRng;
use rand::{Rng, TryRngCore};
use tarpc::client::RpcError;
use tarpc::context::Context;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::auth::{self, Secret};
use super::codec::CodecError;
use super::error::{ErrorCode, WireError, WireResult};
use super::service::RpcClient;
use super::transport;

/// How links connect. Shared by all links of a process.
#[derive(Clone, Debug)]
pub struct LinkOptions {
    /// The cluster secret.
    pub secret: Option<Secret>,
    /// Connecting, handshake included, may take this long.
    pub connect_timeout: Duration,
    /// Pause after the first failure; doubled with each further one.
    pub backoff_min: Duration,
    /// Longest pause.
    pub backoff_max: Duration,
}

impl Default for LinkOptions {
    fn default() -> Self {
        Self {
            secret: None,
            connect_timeout: Duration::from_secs(2),
            backoff_min: Duration::from_millis(20),
            backoff_max: Duration::from_secs(1),
        }
    }
}

/// Why a call has no answer. Which of the two it is decides whether a write may be repeated (rule RETRY).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The request surely did not reach a handler.
    #[error(transparent)]
    NotSent(WireError),
    /// It may have.
    #[error(transparent)]
    Lost(WireError),
}

impl From<CallError> for WireError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NotSent(error) | CallError::Lost(error) => error,
        }
    }
}

/// A link to a service at an address. Clones share the connection.
pub struct Link<C> {
    inner: Arc<Inner<C>>,
}

impl<C> Clone for Link<C> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

impl<C> fmt::Debug for Link<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("address", &self.inner.address).finish_non_exhaustive()
    }
}

struct Inner<C> {
    address: String,
    options: Arc<LinkOptions>,
    state: Mutex<State<C>>,
}

enum State<C> {
    Waiting { until: Option<Instant>, failures: u32, cause: Option<WireError> },
    Connecting { attempt: Attempt<C>, failures: u32 },
    Live(Live<C>),
}

type Attempt<C> = Shared<BoxFuture<'static, Result<Live<C>, WireError>>>;

struct Live<C> {
    client: C,
    alive: Arc<AtomicBool>,
}

impl<C: Clone> Clone for Live<C> {
    fn clone(&self) -> Self {
        Self { client: self.client.clone(), alive: self.alive.clone() }
    }
}

impl<C: RpcClient> Link<C> {
    /// A link that is not yet connected. `address` is `host:port`; names are looked up at every connection.
    pub fn new(address: impl Into<String>, options: Arc<LinkOptions>) -> Self {
        let state = Mutex::new(State::Waiting { until: None, failures: 0, cause: None });
        Self { inner: Arc::new(Inner { address: address.into(), options, state }) }
    }

    /// Where it leads.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.inner.address
    }

    /// Whether a connection stands as far as is known.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        matches!(&*self.inner.state.lock(), State::Live(live) if live.alive.load(Ordering::Acquire))
    }

    /// Makes a call: `link.call(deadline, |client, context| async move { client.learn(context, request).await })`.
    /// Connecting counts into the deadline.
    ///
    /// # Errors
    /// [`CallError`] with `Unreachable`, `Timeout`, `Unauthenticated`, `TooLarge` or `Internal`.
    pub async fn call<T, F, Fut>(&self, deadline: Duration, run: F) -> Result<T, CallError>
    where
        F: FnOnce(C, Context) -> Fut,
        Fut: Future<Output = Result<T, RpcError>>,
    {
        let end = Instant::now() + deadline;
        let client = match tokio::time::timeout_at(end, self.connected()).await {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => return Err(CallError::NotSent(error)),
            Err(_) => return Err(CallError::NotSent(self.timeout(deadline))),
        };
        let mut context = Context::current();
        context.deadline = end.into_std();
        match tokio::time::timeout_at(end, run(client, context)).await {
            Ok(answer) => answer.map_err(|error| self.explain(error, deadline)),
            Err(_) => Err(CallError::Lost(self.timeout(deadline))),
        }
    }

    /// The same for methods that answer with a [`WireResult`], where the caller does not care who failed.
    ///
    /// # Errors
    /// The server's error, or as [`Link::call`].
    pub async fn ask<T, F, Fut>(&self, deadline: Duration, run: F) -> WireResult<T>
    where
        F: FnOnce(C, Context) -> Fut,
        Fut: Future<Output = Result<WireResult<T>, RpcError>>,
    {
        self.call(deadline, run).await?
    }

    async fn connected(&self) -> Result<C, WireError> {
        let attempt = {
            let mut state = self.inner.state.lock();
            let failures = match &*state {
                State::Live(live) if live.alive.load(Ordering::Acquire) => return Ok(live.client.clone()),
                State::Waiting { until: Some(until), cause: Some(cause), .. } if Instant::now() < *until => {
                    return Err(cause.clone());
                }
                State::Waiting { failures, .. } | State::Connecting { failures, .. } => *failures,
                State::Live(_) => 0,
            };
            match &*state {
                State::Connecting { attempt, .. } => attempt.clone(),
                State::Waiting { .. } | State::Live(_) => {
                    let attempt = self.inner.clone().attempt(failures);
                    *state = State::Connecting { attempt: attempt.clone(), failures };
                    attempt
                }
            }
        };
        attempt.await.map(|live| live.client)
    }

    fn timeout(&self, deadline: Duration) -> WireError {
        let what = format!("{} did not answer within {deadline:?}", self.inner.address);
        WireError::new(ErrorCode::Timeout, what, "check that the server is not overloaded or stopped; try again")
    }

    fn explain(&self, error: RpcError, deadline: Duration) -> CallError {
        let to = &self.inner.address;
        match error {
            RpcError::Send(e) => {
                let what = format!("the request to {to} cannot be sent: {e}");
                CallError::NotSent(WireError::new(ErrorCode::TooLarge, what, "send less at once"))
            }
            RpcError::DeadlineExceeded => CallError::Lost(self.timeout(deadline)),
            // By its text: tarpc's error kinds are written signed and read unsigned, so a varint codec garbles them.
            RpcError::Server(e) if e.detail == CodecError::TooLarge.to_string() => {
                let what = format!("the answer of {to} is too large");
                CallError::Lost(WireError::new(ErrorCode::TooLarge, what, "ask for less at once"))
            }
            RpcError::Server(e) => CallError::Lost(WireError::internal(format!("{to}: {}", e.detail))),
            RpcError::Shutdown | RpcError::Channel(_) => {
                let what = format!("the connection to {to} broke during a call");
                CallError::Lost(WireError::new(ErrorCode::Unreachable, what, "check that the server runs; try again"))
            }
        }
    }
}

impl<C: RpcClient> Inner<C> {
    /// Connects in a task of its own, so that a caller who goes away does not stop the others' attempt.
    fn attempt(self: Arc<Self>, failures: u32) -> Attempt<C> {
        let task = tokio::spawn(async move {
            let result = self.connect().await;
            *self.state.lock() = match &result {
                Ok(live) => State::Live(live.clone()),
                Err(cause) => self.backoff(failures, cause.clone()),
            };
            result
        });
        async { task.await.unwrap_or_else(|e| Err(WireError::internal(e))) }.boxed().shared()
    }

    fn backoff(&self, failures: u32, cause: WireError) -> State<C> {
        let most = self.options.backoff_min.saturating_mul(1 << failures.min(16)).min(self.options.backoff_max);
        let pause = most.mul_f64(OsRng.unwrap_err().random_range(0.5..=1.0));
        State::Waiting { until: Some(Instant::now() + pause), failures: failures.saturating_add(1), cause: Some(cause) }
    }

    async fn connect(&self) -> Result<Live<C>, WireError> {
        let limit = self.options.connect_timeout;
        let stream = match tokio::time::timeout(limit, self.open()).await {
            Ok(stream) => stream?,
            Err(_) => return Err(self.unreachable(format!("no connection within {limit:?}"))),
        };
        let (client, drive) = C::over(stream);
        let alive = Arc::new(AtomicBool::new(true));
        let flag = alive.clone();
        tokio::spawn(async move {
            drive.await;
            flag.store(false, Ordering::Release);
        });
        Ok(Live { client, alive })
    }

    async fn open(&self) -> Result<TcpStream, WireError> {
        let mut stream = TcpStream::connect(&self.address).await.map_err(|e| self.unreachable(e))?;
        transport::prepare(&stream).map_err(|e| self.unreachable(e))?;
        let greeted = auth::greet(&mut stream, C::SERVICE, self.options.secret.as_ref()).await;
        greeted.map_err(|e| {
            let error = e.into_wire();
            WireError { message: format!("{}: {}", self.address, error.message), ..error }
        })?;
        Ok(stream)
    }

    fn unreachable(&self, cause: impl fmt::Display) -> WireError {
        let what = format!("cannot reach {}: {cause}", self.address);
        WireError::new(ErrorCode::Unreachable, what, "check the address, and that the server runs")
    }
}
