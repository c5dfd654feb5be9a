//! Tables, changes and restarts, end to end.

use std::sync::Arc;

use common::rpc::meta_admin::{AcceptedTable, MetaAdminServiceClient, TableRoute};
use common::rpc::{CallError, ErrorCode, WireError, WireResult};
use common::types::{ConfigChange, PartitionConfig, PeerId};

use super::*;
use crate::store::{MemoryStore, RocksStore};

async fn create(meta: &Meta, name: &'static str, partitions: u32, replicas: u32) -> WireResult<AcceptedTable> {
    let call = |client: MetaAdminServiceClient, context| async move {
        client.create_table(context, name.to_owned(), partitions, replicas).await
    };
    meta.admin.ask(DEADLINE, call).await
}

async fn route(meta: &Meta, name: &'static str) -> WireResult<TableRoute> {
    meta.admin.ask(DEADLINE, |client, context| async move { client.route(context, name.to_owned()).await }).await
}

async fn nodes(meta: &Meta, count: u128) -> Vec<FakeNode> {
    let mut nodes = Vec::new();
    for n in 0..count {
        let node = FakeNode::start(meta, 100 + n).await;
        node.beat().await;
        nodes.push(node);
    }
    nodes
}

async fn until_healthy(meta: &Meta, nodes: &[FakeNode], name: &'static str) -> TableRoute {
    loop {
        for node in nodes {
            node.beat().await;
        }
        let route = route(meta, name).await.unwrap();
        if route.table.healthy == route.table.partitions {
            return route;
        }
    }
}

pub(super) async fn healthy(store: Arc<dyn MetaStore>) -> (Meta, Vec<FakeNode>, Arc<PartitionConfig>) {
    let meta = Meta::start(store).await;
    let nodes = nodes(&meta, 3).await;
    create(&meta, "t", 8, 3).await.unwrap();
    let route = until_healthy(&meta, &nodes, "t").await;
    (meta, nodes, Arc::clone(&route.configs[0]))
}

fn primary<'a>(nodes: &'a [FakeNode], config: &PartitionConfig) -> &'a FakeNode {
    nodes.iter().find(|n| Some(n.peer) == config.primary.map(|p| p.peer)).unwrap()
}

#[tokio::test]
async fn a_table_becomes_healthy_and_its_slots_are_all_routed() {
    let (meta, _nodes, _) = healthy(Arc::new(MemoryStore::default())).await;
    let route = route(&meta, "t").await.unwrap();
    assert_eq!((route.configs.len(), route.nodes.len()), (8, 3));
    assert!((0..16384).all(|slot| route.configs.iter().filter(|c| c.slots.contains(slot)).count() == 1));
    let info = meta.admin.ask(DEADLINE, |client, context| async move { client.cluster(context).await }).await.unwrap();
    assert_eq!((info.tables, info.partitions, info.healthy), (1, 8, 8));
    assert!(info.nodes.iter().all(|n| n.alive && n.replicas == 8), "{info:?}");
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let dir = tempfile::tempdir().unwrap();
    let (meta, nodes, config) = healthy(Arc::new(RocksStore::open(dir.path()).unwrap())).await;
    let job = Uuid::from_u128(5);
    let gpid = config.gpid;
    meta.nodes.ask(DEADLINE, |client, context| async move { client.lock(context, gpid, job).await }).await.unwrap();
    let before = route(&meta, "t").await.unwrap();
    meta.stop().await;
    let meta = Meta::start(Arc::new(RocksStore::open(dir.path()).unwrap())).await;
    assert_eq!(route(&meta, "t").await.unwrap(), before);
    let other = Uuid::from_u128(6);
    let locked =
        meta.nodes.ask(DEADLINE, |client, context| async move { client.lock(context, gpid, other).await }).await;
    assert_eq!(locked.unwrap_err().code, ErrorCode::PartitionBusy);
    let again = FakeNode { meta: meta.nodes.clone(), ..nodes[2].clone() };
    assert_eq!(again.register(None).await.unwrap(), PeerId(2));
    assert_eq!(again.register(Some(Uuid::from_u128(1))).await.unwrap_err().code, ErrorCode::InvalidArgument);
    meta.stop().await;
}

#[tokio::test]
async fn a_stale_change_is_superseded_and_a_repeated_one_is_installed_again() {
    let (_meta, nodes, config) = healthy(Arc::new(MemoryStore::default())).await;
    let node = primary(&nodes, &config);
    let change = ConfigChange::HandOver { to: config.secondaries[0] };
    let first = node.change(&config, change.clone()).await.unwrap();
    assert!(matches!(&first, ChangeOutcome::Installed(next) if next.ballot == config.ballot.next()));
    assert_eq!(node.change(&config, change).await.unwrap(), first);
    let other = ConfigChange::HandOver { to: config.secondaries[1] };
    assert!(matches!(node.change(&config, other).await.unwrap(), ChangeOutcome::Superseded(_)));
}

#[tokio::test]
async fn a_change_of_an_earlier_run_or_of_nobody_has_no_outcome() {
    let (_meta, nodes, config) = healthy(Arc::new(MemoryStore::default())).await;
    let node = primary(&nodes, &config);
    let earlier = FakeNode { process: ProcessId(1), ..node.clone() };
    let change = ConfigChange::HandOver { to: config.secondaries[0] };
    assert_eq!(earlier.change(&config, change.clone()).await.unwrap_err().code, ErrorCode::NotReady);
    let stranger = FakeNode { peer: PeerId(77), ..node.clone() };
    assert_eq!(stranger.change(&config, change).await.unwrap_err().code, ErrorCode::UnknownNode);
}

#[tokio::test]
async fn a_ballot_that_was_never_given_freezes_the_partition() {
    let (_meta, nodes, config) = healthy(Arc::new(MemoryStore::default())).await;
    let node = primary(&nodes, &config);
    let change = ConfigChange::HandOver { to: config.secondaries[0] };
    let ahead = Ballot(config.ballot.0 + 9);
    assert!(node.change_at(config.gpid, ahead, change.clone()).await.unwrap_err().hint.contains("recover"));
    assert_eq!(node.change(&config, change).await.unwrap_err().code, ErrorCode::PartitionBusy);
}

#[tokio::test]
async fn a_new_configuration_is_pushed_to_whom_it_concerns() {
    let (_meta, nodes, config) = healthy(Arc::new(MemoryStore::default())).await;
    let change = ConfigChange::HandOver { to: config.secondaries[0] };
    primary(&nodes, &config).change(&config, change).await.unwrap();
    let heard = |node: &FakeNode| node.configs.lock()[&config.gpid].ballot > config.ballot;
    while !nodes.iter().all(heard) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn propose_returns_when_the_primary_has_handed_over() {
    let (meta, _nodes, config) = healthy(Arc::new(MemoryStore::default())).await;
    let (gpid, to) = (config.gpid, config.secondaries[1].peer);
    let propose = |peer: PeerId| {
        let call =
            move |client: MetaAdminServiceClient, context| async move { client.propose(context, gpid, peer).await };
        meta.admin.ask(DEADLINE, call)
    };
    propose(to).await.unwrap();
    assert_eq!(route(&meta, "t").await.unwrap().configs[0].primary.unwrap().peer, to);
    propose(to).await.unwrap();
    assert_eq!(propose(PeerId(9)).await.unwrap_err().code, ErrorCode::UnknownNode);
}

#[tokio::test]
async fn what_cannot_be_created_is_refused_with_a_hint() {
    let meta = Meta::start(Arc::new(MemoryStore::default())).await;
    let _nodes = nodes(&meta, 2).await;
    let refused = |result: WireResult<AcceptedTable>| result.unwrap_err();
    assert!(refused(create(&meta, "t", 8, 3).await).hint.contains("start more nodes"));
    assert_eq!(refused(create(&meta, "t", 6, 1).await).code, ErrorCode::InvalidArgument);
    create(&meta, "t", 1, 2).await.unwrap();
    assert_eq!(refused(create(&meta, "t", 1, 2).await).code, ErrorCode::AlreadyExists);
    assert_eq!(route(&meta, "nowhere").await.unwrap_err().code, ErrorCode::UnknownTable);
}

#[tokio::test]
async fn a_dropped_table_is_gone_and_its_copies_are_told_to_go() {
    let (meta, nodes, config) = healthy(Arc::new(MemoryStore::default())).await;
    let call = |client: MetaAdminServiceClient, context| async move { client.drop_table(context, "t".into()).await };
    meta.admin.ask(DEADLINE, call).await.unwrap();
    assert_eq!(route(&meta, "t").await.unwrap_err().code, ErrorCode::UnknownTable);
    let mut heartbeat = nodes[0].heartbeat();
    let copy = config.copy_on(nodes[0].peer).unwrap();
    heartbeat.replicas = vec![ReplicaReport {
        gpid: config.gpid,
        incarnation: copy.incarnation,
        status: ReplicaStatus::Inactive,
        ballot: config.ballot,
        prepared_ballot: config.ballot,
        prepared: Decree(0),
        committed: Decree(0),
        clean: true,
        size_bytes: 0,
        learned_bytes: 0,
        learn_bytes: 0,
    }];
    let reply = nodes[0].send(heartbeat).await.unwrap();
    assert_eq!(reply.collect, [(config.gpid, copy.incarnation, config.ballot.next())]);
}

#[tokio::test]
async fn health_and_metrics_are_served() {
    let (meta, _nodes, _) = healthy(Arc::new(MemoryStore::default())).await;
    let health = meta.get("/health").await;
    assert!(health.starts_with("HTTP/1.1 200") && health.contains("\"ok\""), "{health}");
    let metrics = meta.get("/metrics").await;
    assert!(
        metrics.contains("godwit_meta_changes_total") && metrics.contains("godwit_meta_store_seconds"),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_stopped_server_is_unreachable_and_its_store_is_free() {
    let dir = tempfile::tempdir().unwrap();
    let meta = Meta::start(Arc::new(RocksStore::open(dir.path()).unwrap())).await;
    let admin = meta.admin.clone();
    meta.stop().await;
    let call = |client: MetaAdminServiceClient, context| async move { client.tables(context).await };
    let result = admin.call(DEADLINE, call).await;
    assert!(matches!(result, Err(CallError::NotSent(WireError { code: ErrorCode::Unreachable, .. }))), "{result:?}");
    RocksStore::open(dir.path()).unwrap();
}
