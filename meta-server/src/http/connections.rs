//! The connections of the http port: so many at once, and none for longer than it gets on. Whoever reaches the port may open
//! one, so one that is slow on purpose must cost no more than its place, and that not for long.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use common::shutdown::Stop;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::leader::Reached;

/// After a failed accept (out of file descriptors, for example) the next one waits this long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How connections are treated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Connections at once; more are closed unheard.
    pub(super) connections_max: usize,
    /// The head of a request, the first one or the next one, has come by then, or the connection is closed.
    pub(super) head_max: Duration,
    /// After so long a connection gets no further request; clients open another.
    pub(super) life_max: Duration,
    /// What is still being answered then has so long.
    pub(super) answer_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let [head_max, life_max, answer_max] = [10, 300, 30].map(Duration::from_secs);
        Self { connections_max: 256, head_max, life_max, answer_max }
    }
}

/// Serves until told to stop; then what is being answered is finished.
pub(super) async fn serve(listener: TcpListener, router: Router, limits: Limits, stop: Stop) {
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            tracing::warn!(limit = limits.connections_max, "http connection closed: too many are open");
            continue;
        };
        let (router, stop) = (router.clone(), stop.clone());
        connections.spawn(async move {
            attend(stream, router, limits, stop).await;
            drop(place);
        });
    }
    while connections.join_next().await.is_some() {}
}

async fn attend(stream: TcpStream, router: Router, limits: Limits, stop: Stop) {
    let router = router.layer(Extension(ConnectInfo(Reached::through(&stream))));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head_max);
    let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = stop.cancelled() => None,
        () = tokio::time::sleep(limits.life_max) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(limits.answer_max, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "http connection closed");
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: meta\r\n\r\n";
    const SOON: Duration = Duration::from_millis(300);
    const LONG: Duration = Duration::from_secs(60);

    async fn started(limits: Limits) -> (SocketAddr, Stop) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), Stop::new());
        let router = Router::new().route("/", get(async || "here"));
        tokio::spawn(serve(listener, router, limits, stop.clone()));
        (address, stop)
    }

    fn patient() -> Limits {
        Limits { connections_max: 2, head_max: LONG, life_max: LONG, answer_max: LONG }
    }

    async fn connected(address: SocketAddr) -> TcpStream {
        TcpStream::connect(address).await.unwrap()
    }

    /// What comes after a request, until the answer is there.
    async fn ask(stream: &mut TcpStream) -> bool {
        let mut answer = vec![0; 1024];
        if stream.write_all(REQUEST).await.is_err() {
            return false;
        }
        let read = stream.read(&mut answer).await.unwrap_or(0);
        String::from_utf8_lossy(&answer[..read]).starts_with("HTTP/1.1 200")
    }

    /// A connection on which a request was answered: one that found a place, and was heard within its time.
    async fn answered(address: SocketAddr) -> TcpStream {
        loop {
            let mut stream = connected(address).await;
            if ask(&mut stream).await {
                return stream;
            }
            tokio::task::yield_now().await;
        }
    }

    /// The server hangs up, whatever it may say before.
    async fn closed(mut stream: TcpStream) {
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(LONG / 2, stream.read_to_end(&mut rest)).await;
        ended.expect("it is left open").ok();
    }

    #[tokio::test]
    async fn a_request_whose_head_does_not_come_loses_its_connection_while_others_are_answered() {
        let (address, _stop) = started(Limits { head_max: SOON, ..patient() }).await;
        let mut slow = connected(address).await;
        slow.write_all(&REQUEST[..9]).await.unwrap();
        let other = answered(address).await;
        closed(slow).await;
        closed(other).await;
        // Their places are free again.
        let _both = (answered(address).await, answered(address).await);
    }

    #[tokio::test]
    async fn more_connections_than_there_are_places_for_are_closed_unheard() {
        let (address, _stop) = started(patient()).await;
        let (mut one, mut two) = (connected(address).await, connected(address).await);
        assert!(ask(&mut one).await && ask(&mut two).await);
        closed(connected(address).await).await;
        assert!(ask(&mut one).await, "who is in stays in");
        drop(two);
        answered(address).await;
    }

    #[tokio::test]
    async fn a_connection_ends_after_its_time_and_when_the_server_stops() {
        let (address, _stop) = started(Limits { life_max: SOON, ..patient() }).await;
        closed(answered(address).await).await;
        let (address, stop) = started(patient()).await;
        let stream = answered(address).await;
        stop.cancel();
        closed(stream).await;
    }
}
