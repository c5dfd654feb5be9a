//! A store whose writes have no known outcome (rule META).

use std::collections::{BTreeMap, VecDeque};

use common::rpc::meta_node::MetaNodeServiceClient;

use super::*;
use crate::store::{CommitError, LoadError, MemoryStore, MetaStore, Transaction};

/// What happens to the next write.
#[derive(Debug)]
enum Fate {
    DoneButUnknown,
    LostAndUnknown,
    LostAndUnreadable,
}

#[derive(Debug, Default)]
struct Flaky {
    inner: MemoryStore,
    fates: Mutex<VecDeque<Fate>>,
    unreadable: Mutex<bool>,
}

impl MetaStore for Flaky {
    fn load(&self) -> Result<BTreeMap<String, Vec<u8>>, LoadError> {
        if *self.unreadable.lock() { Err(LoadError("no such luck".into())) } else { self.inner.load() }
    }

    fn commit(&self, transaction: &Transaction) -> Result<(), CommitError> {
        match self.fates.lock().pop_front() {
            None => return self.inner.commit(transaction),
            Some(Fate::DoneButUnknown) => self.inner.commit(transaction)?,
            Some(Fate::LostAndUnknown) => {}
            Some(Fate::LostAndUnreadable) => *self.unreadable.lock() = true,
        }
        Err(CommitError::Unknown("the disk did not say".into()))
    }
}

async fn with_fate(fate: Fate) -> (Meta, Arc<Flaky>, FakeNode) {
    let store = Arc::new(Flaky::default());
    let meta = Meta::start(Arc::clone(&store) as Arc<dyn MetaStore>).await;
    let node = FakeNode::start(&meta, 1).await;
    store.fates.lock().push_back(fate);
    (meta, store, node)
}

async fn register(node: &FakeNode, address: &str) -> WireResult<PeerId> {
    FakeNode { address: address.into(), ..node.clone() }.register(None).await
}

#[tokio::test]
async fn a_write_that_was_done_after_all_is_found_and_answered() {
    let (_meta, _store, node) = with_fate(Fate::DoneButUnknown).await;
    assert_eq!(register(&node, "other:1").await, Ok(PeerId(1)));
    assert_eq!(register(&node, "other:1").await, Ok(PeerId(1)));
}

#[tokio::test]
async fn a_write_that_was_lost_is_told_and_can_be_tried_again() {
    let (_meta, _store, node) = with_fate(Fate::LostAndUnknown).await;
    assert_eq!(register(&node, "other:1").await.unwrap_err().code, ErrorCode::NotReady);
    assert_eq!(register(&node, "other:1").await, Ok(PeerId(1)));
}

#[tokio::test]
async fn nothing_is_decided_while_the_store_cannot_be_read() {
    let (meta, store, node) = with_fate(Fate::LostAndUnreadable).await;
    assert_eq!(register(&node, "other:1").await.unwrap_err().code, ErrorCode::OutcomeUnknown);
    let lock = |client: MetaNodeServiceClient, context| async move { client.configs(context, Vec::new()).await };
    assert!(meta.nodes.ask(DEADLINE, lock).await.is_err());
    let health = meta.get("/health").await;
    assert!(health.starts_with("HTTP/1.1 503") && health.contains("no such luck"), "{health}");
    *store.unreadable.lock() = false;
    assert!(meta.get("/health").await.starts_with("HTTP/1.1 200"));
    assert_eq!(register(&node, "other:1").await, Ok(PeerId(1)));
}
