//! The client against small servers in this process.

mod fake;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use common::rpc::data::{DataError, DataOp, DataReply};
use common::rpc::{ErrorCode, WireError};
use common::types::Ballot;
use futures::future::join_all;

use self::fake::{FakeMeta, FakeNode, Running};
use crate::{Client, ClientError, ClientOptions, MetaFinder, Repeat, Scope, Table};

/// A meta server, nodes with a partition each, and a client.
struct World {
    meta: Running<FakeMeta>,
    nodes: Vec<Running<FakeNode>>,
    table: Table,
}

async fn world_with(nodes: usize, change: impl FnOnce(&mut ClientOptions)) -> World {
    let meta = FakeMeta::default().start().await;
    let nodes = join_all((0..nodes).map(|_| FakeNode::default().start())).await;
    let addresses: Vec<&str> = nodes.iter().map(|node| node.address.as_str()).collect();
    meta.handler.lead(&addresses, 1);
    let mut options = ClientOptions::new([meta.address.clone()]);
    change(&mut options);
    let table = Client::new(options).table("t");
    World { meta, nodes, table }
}

async fn world(nodes: usize) -> World {
    world_with(nodes, |_| {}).await
}

/// Counts operations received, and fails the first `times` of them.
fn fail_first(node: &FakeNode, times: usize, error: &DataError) -> Arc<AtomicUsize> {
    let (seen, error) = (Arc::new(AtomicUsize::new(0)), error.clone());
    let counter = seen.clone();
    node.script(move |_| (counter.fetch_add(1, Ordering::SeqCst) < times).then(|| Err(error.clone())));
    seen
}

fn retry_later() -> DataError {
    DataError::RetryLater(WireError::new(ErrorCode::Busy, "busy", ""))
}

#[tokio::test]
async fn what_is_put_is_got_on_every_partition() {
    let world = world(4).await;
    for key in 0..32_u8 {
        world.table.put(&[key], b"s", vec![key]).await.unwrap();
        assert_eq!(world.table.get(&[key], b"s").await.unwrap(), Some(Bytes::from(vec![key])));
    }
    assert_eq!(world.table.get(b"absent", b"").await.unwrap(), None);
    assert!(world.nodes.iter().all(|node| !node.handler.records.lock().is_empty()));
    assert_eq!(world.meta.handler.asked.load(Ordering::SeqCst), 1, "one route serves all");
}

#[tokio::test]
async fn a_write_that_got_no_decree_is_repeated() {
    let world = world(1).await;
    let seen = fail_first(&world.nodes[0].handler, 2, &retry_later());
    world.table.put(b"h", b"s", "v").await.unwrap();
    assert_eq!(seen.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_write_of_unknown_outcome_is_sent_once_and_a_read_again() {
    let world = world(1).await;
    let seen = fail_first(&world.nodes[0].handler, 1, &DataError::OutcomeUnknown);
    let error = world.table.put(b"h", b"s", "v").await.unwrap_err();
    assert!(matches!(error, ClientError::OutcomeUnknown(_)), "{error}");
    assert_eq!(seen.load(Ordering::SeqCst), 1);
    fail_first(&world.nodes[0].handler, 1, &DataError::OutcomeUnknown);
    assert_eq!(world.table.get(b"h", b"s").await, Ok(None));
}

#[tokio::test]
async fn a_write_whose_connection_breaks_is_of_unknown_outcome() {
    let world = world(1).await;
    let node = &world.nodes[0];
    node.handler.held.store(1, Ordering::SeqCst);
    let stop = async {
        while node.handler.calls.lock().is_empty() {
            tokio::task::yield_now().await;
        }
        node.stop();
    };
    let (result, ()) = tokio::join!(world.table.put(b"h", b"s", "v"), stop);
    assert!(matches!(result, Err(ClientError::OutcomeUnknown(_))), "{result:?}");
}

#[tokio::test]
async fn a_write_that_could_not_be_sent_by_the_deadline_was_surely_not_done() {
    let world = world_with(1, |options| options.deadline = Duration::from_millis(200)).await;
    world.nodes[0].stop();
    let result = world.table.put(b"h", b"s", "v").await;
    assert!(matches!(result, Err(ClientError::Unavailable(_))), "{result:?}");
}

#[tokio::test]
async fn a_redirect_leads_to_the_new_primary_without_the_meta_server() {
    let world = world(2).await;
    world.table.put(b"a", b"", "v").await.unwrap();
    world.table.put(b"b", b"", "v").await.unwrap();
    world.meta.stop();
    for (from, to) in [(0, 1), (1, 0)] {
        let primary = Some(world.nodes[to].address.clone());
        let index = from as u32;
        world.nodes[from].handler.script(move |request| {
            let moved = request.gpid.partition_index == index;
            moved.then(|| Err(DataError::Redirect { primary: primary.clone(), ballot: Ballot(2) }))
        });
    }
    for key in 0..16_u8 {
        world.table.put(&[key], b"", "v").await.unwrap();
    }
}

#[tokio::test]
async fn a_dead_primary_is_asked_for_again_at_the_meta_server() {
    let world = world(2).await;
    world.table.put(b"h", b"s", "v").await.unwrap();
    world.nodes[0].stop();
    let live = world.nodes[1].address.as_str();
    world.meta.handler.lead(&[live, live], 2);
    let mut written = 0;
    for key in 0..16_u8 {
        match world.table.put(&[key], b"", "v").await {
            Ok(()) => written += 1,
            // The connection broke under it.
            Err(ClientError::OutcomeUnknown(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert!(written >= 15);
}

#[tokio::test]
async fn concurrent_operations_share_calls() {
    let world = world(1).await;
    let node = &world.nodes[0].handler;
    world.table.get(b"first", b"").await.unwrap();
    node.calls.lock().clear();
    node.held.store(1, Ordering::SeqCst);
    let release = async {
        while node.calls.lock().len() < 4 {
            tokio::task::yield_now().await;
        }
        node.held.store(0, Ordering::SeqCst);
        node.go.notify_waiters();
    };
    let gets = join_all((0..1200).map(|_| world.table.get(b"h", b"s")));
    let (answers, ()) = tokio::join!(gets, release);
    assert!(answers.into_iter().all(|answer| answer == Ok(None)));
    let calls = node.calls.lock().clone();
    assert_eq!(calls, [256, 256, 256, 256, 176]);
}

#[tokio::test]
async fn a_slow_operation_does_not_hold_up_others() {
    let world = world(1).await;
    let node = &world.nodes[0].handler;
    node.held.store(1, Ordering::SeqCst);
    let mut slow = Box::pin(world.table.put(b"slow", b"", "v"));
    while node.calls.lock().is_empty() {
        assert!(futures::poll!(&mut slow).is_pending());
        tokio::task::yield_now().await;
    }
    node.held.store(0, Ordering::SeqCst);
    for key in 0..100_u8 {
        world.table.put(&[key], b"", "v").await.unwrap();
    }
    assert!(futures::poll!(&mut slow).is_pending());
    node.go.notify_one();
    slow.await.unwrap();
}

#[tokio::test]
async fn reads_do_not_wait_for_writes() {
    let world = world(1).await;
    let node = &world.nodes[0].handler;
    world.table.get(b"h", b"s").await.unwrap();
    node.held.store(1, Ordering::SeqCst);
    let mut put = Box::pin(world.table.put(b"h", b"s", "v"));
    while node.calls.lock().len() < 2 {
        assert!(futures::poll!(&mut put).is_pending());
        tokio::task::yield_now().await;
    }
    node.held.store(0, Ordering::SeqCst);
    assert_eq!(world.table.get(b"h", b"s").await, Ok(None));
    node.go.notify_one();
    put.await.unwrap();
}

#[tokio::test]
async fn answers_too_large_for_a_frame_are_fetched_in_smaller_calls() {
    let world = world(1).await;
    for key in 0..24_u8 {
        world.table.put(&[key], b"", vec![key; 1 << 20]).await.unwrap();
    }
    let got = join_all((0..24_u8).map(|key| {
        let table = world.table.clone();
        async move { table.get(&[key], b"").await.unwrap().unwrap().len() }
    }));
    assert!(got.await.into_iter().all(|size| size == 1 << 20));
    let mut scanner = world.table.scan(Scope::Table);
    let mut records = 0;
    while let Some(page) = scanner.next_page().await.unwrap() {
        records += page.len();
    }
    assert_eq!(records, 24);
}

#[tokio::test]
async fn scans_and_counts_visit_every_record_once_in_order() {
    let world = world_with(4, |options| options.scan_page = 7).await;
    for key in 0..100_u8 {
        world.table.put(b"h", &[key], vec![key]).await.unwrap();
        world.table.put(&[key], b"s", vec![key]).await.unwrap();
    }
    let mut scanner = world.table.scan(Scope::HashKey(Bytes::from_static(b"h")));
    let mut sort_keys = Vec::new();
    while let Some(page) = scanner.next_page().await.unwrap() {
        assert!((1..=7).contains(&page.len()));
        sort_keys.extend(page.into_iter().map(|record| record.sort_key));
    }
    assert_eq!(sort_keys, (0..100_u8).map(|key| Bytes::from(vec![key])).collect::<Vec<_>>());
    let mut scanner = world.table.scan(Scope::Table);
    let mut seen = std::collections::BTreeSet::new();
    while let Some(page) = scanner.next_page().await.unwrap() {
        for record in page {
            assert!(seen.insert((record.hash_key, record.sort_key)));
        }
    }
    assert_eq!(seen.len(), 200);
    assert_eq!(world.table.count(Scope::Table).await, Ok(200));
}

#[tokio::test]
async fn whichever_meta_server_answers_is_followed() {
    let (one, two) = (FakeMeta::default().start().await, FakeMeta::default().start().await);
    let finder = MetaFinder::new(&ClientOptions::new([one.address.clone(), two.address.clone()]));
    let tables = || finder.ask(Repeat::Safe, |client, context| async move { client.tables(context).await });
    assert_eq!(tables().await, Ok(Vec::new()));
    one.stop();
    assert_eq!(tables().await, Ok(Vec::new()));
    two.stop();
    while tables().await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert_eq!(tables().await.unwrap_err().code, ErrorCode::Unreachable);
}

#[tokio::test]
async fn what_cannot_succeed_fails_at_once() {
    let world = world(1).await;
    let large = world.table.put(b"h", b"s", vec![0; (1 << 20) + 1]).await;
    assert_eq!(large, Err(ClientError::TooLarge { bytes: (1 << 20) + 1, limit: 1 << 20 }));
    assert!(matches!(world.table.get(&[0; 70_000], b"").await, Err(ClientError::Key(_))));
    let refused = WireError::new(ErrorCode::InvalidArgument, "no", "");
    world.nodes[0].handler.script(move |request| match request.op {
        DataOp::Get { .. } => Some(Err(DataError::Refused(refused.clone()))),
        _ => Some(Ok(DataReply::Integer(1))),
    });
    assert!(matches!(world.table.get(b"h", b"s").await, Err(ClientError::Refused(_))));
    let confused = world.table.put(b"h", b"s", "v").await;
    assert!(matches!(confused, Err(ClientError::OutcomeUnknown(_))), "a server that makes no sense: {confused:?}");
    let options = ClientOptions::new([world.meta.address.clone()]);
    let error = Client::new(options).table("nowhere").get(b"h", b"s").await.unwrap_err();
    assert!(matches!(&error, ClientError::Refused(e) if e.code == ErrorCode::UnknownTable), "{error}");
}
