//! The real server and the real link over loopback sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::data::{DataError, DataOp, DataReply, DataRequest, DataService, DataServiceClient};
use super::meta_admin::MetaAdminServiceClient;
use super::*;
use crate::shutdown::Stop;
use crate::types::Gpid;

const DEADLINE: Duration = Duration::from_secs(5);
const ANSWERS_WITH_MONSTER: u32 = u32::MAX;

/// Answers every operation with the bytes of its key; scans hang until told, or answer too much.
#[derive(Clone, Default)]
struct Echo {
    go: Arc<Notify>,
}

#[allow(clippy::wildcard_enum_match_arm, reason = "whatever else hangs")]
impl DataService for Echo {
    async fn execute(self, _: Context, requests: Vec<DataRequest>) -> Vec<Result<DataReply, DataError>> {
        let mut replies = Vec::new();
        for request in requests {
            replies.push(Ok(match request.op {
                DataOp::Get { key } => DataReply::Value(Some(key)),
                DataOp::Scan { limit: ANSWERS_WITH_MONSTER, .. } => {
                    DataReply::Value(Some(vec![1; FRAME_BYTES_MAX + 1].into()))
                }
                _ => {
                    self.go.notified().await;
                    DataReply::Done
                }
            }));
        }
        replies
    }
}

struct Running {
    address: SocketAddr,
    stop: Stop,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn start_at(address: &str, echo: Echo, options: ServerOptions) -> Running {
    let listener = bind(address, &options.security).await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), Stop::new());
    let mut router = Router::new();
    crate::route!(router, Service::Data, echo);
    tokio::spawn(serve(listener, router, options, stop.clone()));
    Running { address, stop }
}

async fn start(options: ServerOptions) -> Running {
    start_at("127.0.0.1:0", Echo::default(), options).await
}

fn link(address: SocketAddr) -> Link<DataServiceClient> {
    Link::new(address.to_string(), Arc::default())
}

async fn run(link: &Link<DataServiceClient>, deadline: Duration, op: DataOp) -> Result<DataReply, CallError> {
    let requests = vec![DataRequest { gpid: Gpid::new(1, 0), op }];
    let replies = link.call(deadline, |client, context| async move { client.execute(context, requests).await }).await?;
    Ok(replies.into_iter().next().unwrap().unwrap())
}

fn get(key: &'static str) -> DataOp {
    DataOp::Get { key: Bytes::from_static(key.as_bytes()) }
}

const HANG: DataOp = DataOp::Delete { key: Bytes::new() };

async fn works(link: &Link<DataServiceClient>) {
    assert_eq!(run(link, DEADLINE, get("k")).await, Ok(DataReply::Value(Some(Bytes::from_static(b"k")))));
}

#[tokio::test]
async fn calls_share_one_connection_and_overlap() {
    let echo = Echo::default();
    let server = start_at("127.0.0.1:0", echo.clone(), ServerOptions::default()).await;
    let link = link(server.address);
    let first = tokio::spawn({
        let link = link.clone();
        async move { run(&link, DEADLINE, HANG).await }
    });
    works(&link).await;
    echo.go.notify_one();
    assert_eq!(first.await.unwrap(), Ok(DataReply::Done));
    assert!(link.is_connected());
}

#[tokio::test]
async fn a_call_past_its_deadline_is_lost_and_the_connection_lives() {
    let server = start(ServerOptions::default()).await;
    let link = link(server.address);
    let result = run(&link, Duration::from_millis(50), HANG).await;
    assert!(matches!(result, Err(CallError::Lost(WireError { code: ErrorCode::Timeout, .. }))), "{result:?}");
    works(&link).await;
}

#[tokio::test]
async fn an_unreachable_server_is_not_sent_to_and_a_broken_link_connects_again() {
    let server = start(ServerOptions::default()).await;
    let (address, link) = (server.address, link(server.address));
    works(&link).await;
    drop(server);
    while link.is_connected() {
        tokio::task::yield_now().await;
    }
    let result = run(&link, DEADLINE, get("k")).await;
    assert!(matches!(result, Err(CallError::NotSent(WireError { code: ErrorCode::Unreachable, .. }))), "{result:?}");
    let _server = start_at(&address.to_string(), Echo::default(), ServerOptions::default()).await;
    while run(&link, DEADLINE, get("k")).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn requests_and_responses_past_the_frame_limit_fail_alone() {
    let server = start(ServerOptions::default()).await;
    let link = link(server.address);
    let large = DataOp::Get { key: vec![0; FRAME_BYTES_MAX + 1].into() };
    let result = run(&link, DEADLINE, large).await;
    assert!(matches!(result, Err(CallError::NotSent(WireError { code: ErrorCode::TooLarge, .. }))), "{result:?}");
    let monster = DataOp::Scan { start: Bytes::new(), end: Bytes::new(), limit: ANSWERS_WITH_MONSTER };
    let result = run(&link, DEADLINE, monster).await;
    assert!(matches!(result, Err(CallError::Lost(WireError { code: ErrorCode::TooLarge, .. }))), "{result:?}");
    assert!(link.is_connected());
    works(&link).await;
}

#[tokio::test]
async fn a_service_that_the_port_does_not_have_is_refused_with_its_name() {
    let server = start(ServerOptions::default()).await;
    let meta: Link<MetaAdminServiceClient> = Link::new(server.address.to_string(), Arc::default());
    let error = meta.ask(DEADLINE, |client, context| async move { client.tables(context).await }).await.unwrap_err();
    assert!(error.message.contains("meta-admin"), "{error}");
}

#[tokio::test]
async fn only_who_knows_the_secret_gets_through() {
    let secret = Secret::new(b"the secret of this cluster").unwrap();
    let security = Security { secret: Some(secret.clone()), insecure: false };
    let server = start(ServerOptions { security, ..ServerOptions::default() }).await;
    let options = LinkOptions { secret: Some(secret), ..LinkOptions::default() };
    works(&Link::new(server.address.to_string(), Arc::new(options))).await;
    let result = run(&link(server.address), DEADLINE, get("k")).await;
    assert!(
        matches!(result, Err(CallError::NotSent(WireError { code: ErrorCode::Unauthenticated, .. }))),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_non_loopback_address_needs_a_secret_or_insecure() {
    let mut security = Security::default();
    assert!(matches!(bind("0.0.0.0:0", &security).await, Err(BindError::Exposed(_))));
    security.insecure = true;
    assert!(bind("0.0.0.0:0", &security).await.is_ok());
    assert!(matches!(bind("nonsense", &security).await, Err(BindError::Address(..))));
}

#[tokio::test]
async fn a_silent_connection_is_closed_after_the_handshake_timeout() {
    let options = ServerOptions { handshake_timeout: Duration::from_millis(50), ..ServerOptions::default() };
    let server = start(options).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(silent.read(&mut [0; 16]).await.unwrap(), 0);
    // On a busy machine a handshake may take as long.
    while run(&link(server.address), DEADLINE, get("k")).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn connections_past_the_limit_are_closed_and_earlier_ones_unhurt() {
    let server = start(ServerOptions { connections_max: 1, ..ServerOptions::default() }).await;
    let first = link(server.address);
    works(&first).await;
    assert!(matches!(run(&link(server.address), DEADLINE, get("k")).await, Err(CallError::NotSent(_))));
    works(&first).await;
}

#[tokio::test]
async fn a_place_is_free_again_when_its_connection_ends() {
    let server = start(ServerOptions { connections_max: 1, ..ServerOptions::default() }).await;
    for _ in 0..3 {
        let next = link(server.address);
        while run(&next, DEADLINE, get("k")).await.is_err() {
            tokio::task::yield_now().await;
        }
    }
}

/// tarpc adds the deadline of a request to its clock without a check.
#[tokio::test]
async fn a_request_with_an_absurd_deadline_ends_its_own_connection_only() {
    let server = start(ServerOptions::default()).await;
    let link = link(server.address);
    works(&link).await;
    for seconds in [u64::MAX, u64::MAX / 2, 1 << 40] {
        let mut peer = TcpStream::connect(server.address).await.unwrap();
        let trace = ([0_u64; 2], 0_u64, 0_u32);
        let body = codec::encode(&(0_u32, (seconds, 0_u32), trace, 1_u64, 0_u32, 0_u64)).unwrap();
        let frame = [&(body.len() as u32).to_be_bytes()[..], &body].concat();
        peer.write_all(&[plain_hello(), frame].concat()).await.unwrap();
        peer.shutdown().await.unwrap();
        let ended = tokio::time::timeout(DEADLINE, peer.read_to_end(&mut Vec::new())).await;
        assert!(ended.is_ok(), "the connection is still open");
        works(&link).await;
    }
    assert!(link.is_connected());
}

/// Bytes as a hostile or broken peer sends them: a valid hello or none, then anything.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let noise = proptest::collection::vec(any::<u8>(), 0..600);
    let lengths = prop_oneof![Just(vec![0xff; 8]), Just(vec![0, 0, 0, 0]), Just(vec![0x00, 0x7f, 0xff, 0xff])];
    let hello = prop_oneof![Just(Vec::new()), Just(plain_hello())];
    (hello, prop_oneof![noise.clone(), lengths], noise).prop_map(|(a, b, c)| [a, b, c].concat())
}

fn plain_hello() -> Vec<u8> {
    let body = codec::encode(&(*b"GDWT", auth::PROTOCOL_VERSION, Service::Data, false, [0_u8; 32])).unwrap();
    [&(body.len() as u16).to_be_bytes()[..], &body].concat()
}

#[test]
fn whatever_bytes_a_peer_sends_others_are_unhurt() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(start(ServerOptions::default()));
    let link = link(server.address);
    runtime.block_on(works(&link));
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() });
    let outcome = runner.run(&hostile(), |bytes| {
        runtime.block_on(async {
            let mut peer = TcpStream::connect(server.address).await.unwrap();
            let _ = peer.write_all(&bytes).await;
            let _ = peer.shutdown().await;
            // Whatever it answers, it ends: a hang here fails the test by its deadline.
            let mut answer = Vec::new();
            let ended = tokio::time::timeout(DEADLINE, peer.read_to_end(&mut answer)).await;
            assert!(ended.is_ok(), "the connection is still open");
            works(&link).await;
        });
        Ok(())
    });
    outcome.unwrap();
    assert!(link.is_connected(), "the other connection was hurt");
}
