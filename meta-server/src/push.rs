//! New configurations, sent at once to every node that the old or the new one names. A push may be lost: the next
//! heartbeat's reply carries what a node lacks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use common::rpc::node_admin::NodeAdminServiceClient;
use common::rpc::{Link, LinkOptions};
use common::types::{PartitionConfig, PeerId};
use meta_state::{Cluster, Record};
use parking_lot::Mutex;
use tokio::sync::mpsc;

/// Commits whose pushes wait to be dealt out.
const BATCHES_MAX: usize = 1024;
/// Commits whose pushes wait for one node.
const NODE_BATCHES_MAX: usize = 256;
/// Configurations in one call: about 200 bytes each.
const CALL_MAX: usize = 4096;
/// A push may take this long.
const DEADLINE: Duration = Duration::from_secs(2);

/// What one commit sends to whom.
#[derive(Debug, Default)]
pub(crate) struct Pushes {
    by_peer: BTreeMap<PeerId, Vec<Arc<PartitionConfig>>>,
    addressed: Vec<(String, Vec<Arc<PartitionConfig>>)>,
}

impl Pushes {
    /// Looks the addresses up, once the records are in force.
    pub(crate) fn address(&mut self, cluster: &Cluster) {
        let known = std::mem::take(&mut self.by_peer).into_iter();
        self.addressed = known.filter_map(|(p, configs)| Some((cluster.node(p)?.address.clone(), configs))).collect();
    }
}

/// What records will send to whom, compared with the state before them.
pub(crate) fn pushes(before: &Cluster, records: &[Record]) -> Pushes {
    let mut pushes = Pushes::default();
    for record in records {
        let Record::Partition(partition) = record else { continue };
        let (old, new) = (before.config(partition.config.gpid), &partition.config);
        if old.is_some_and(|old| old == new) {
            continue;
        }
        let named = old.into_iter().chain([new]).flat_map(|c| named(c));
        for peer in named.collect::<BTreeSet<_>>() {
            pushes.by_peer.entry(peer).or_default().push(Arc::clone(new));
        }
    }
    pushes
}

fn named(config: &PartitionConfig) -> impl Iterator<Item = PeerId> {
    config.copies().map(|m| m.peer).chain(config.moving.map(|m| m.peer))
}

/// Takes pushes from the owner without making it wait.
#[derive(Clone, Debug)]
pub struct Outbox {
    batches: mpsc::Sender<Pushes>,
}

impl Outbox {
    /// An outbox, and the task that empties it until the outbox is dropped.
    pub fn new(links: Arc<NodeLinks>) -> (Self, impl Future<Output = ()> + Send) {
        let (batches, queue) = mpsc::channel(BATCHES_MAX);
        (Self { batches }, deal_out(queue, links))
    }

    pub(crate) fn send(&self, pushes: Pushes) {
        if !pushes.addressed.is_empty() && self.batches.try_send(pushes).is_err() {
            tracing::warn!("configurations are not pushed but left to heartbeats: the outbox is full");
        }
    }
}

async fn deal_out(mut queue: mpsc::Receiver<Pushes>, links: Arc<NodeLinks>) {
    let mut nodes: BTreeMap<String, mpsc::Sender<Vec<Arc<PartitionConfig>>>> = BTreeMap::new();
    while let Some(pushes) = queue.recv().await {
        for (address, configs) in pushes.addressed {
            let node = nodes.entry(address.clone()).or_insert_with(|| {
                let (sender, receiver) = mpsc::channel(NODE_BATCHES_MAX);
                tokio::spawn(push_to(links.get(&address), receiver));
                sender
            });
            if node.try_send(configs).is_err() {
                tracing::debug!(address, "configurations are left to the heartbeat: the node is slow");
            }
        }
    }
}

async fn push_to(link: Link<NodeAdminServiceClient>, mut queue: mpsc::Receiver<Vec<Arc<PartitionConfig>>>) {
    while let Some(mut configs) = queue.recv().await {
        while let Some(more) = Some(()).filter(|()| configs.len() < CALL_MAX).and_then(|()| queue.try_recv().ok()) {
            configs.extend(more);
        }
        for part in configs.chunks(CALL_MAX) {
            let part = part.to_vec();
            let call = link.call(DEADLINE, |client, context| async move { client.install(context, part).await });
            if let Err(error) = call.await {
                tracing::debug!(address = link.address(), %error, "push failed; the heartbeat will carry it");
                break;
            }
        }
    }
}

/// Links to the nodes, one each, made when first needed.
#[derive(Debug)]
pub struct NodeLinks {
    options: Arc<LinkOptions>,
    links: Mutex<BTreeMap<String, Link<NodeAdminServiceClient>>>,
}

impl NodeLinks {
    /// No links yet.
    #[must_use]
    pub fn new(options: Arc<LinkOptions>) -> Self {
        Self { options, links: Mutex::default() }
    }

    /// The link to an address.
    pub fn get(&self, address: &str) -> Link<NodeAdminServiceClient> {
        let mut links = self.links.lock();
        links.entry(address.to_owned()).or_insert_with(|| Link::new(address, Arc::clone(&self.options))).clone()
    }
}
