//! The other replica servers: their addresses, one link each, and one queue of messages each.
//!
//! All partitions' messages to a node share calls, and one call is in flight at a time: that keeps them in order, and
//! while it is under way the next batch gathers (design section 3).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use common::rpc::peer::PeerServiceClient;
use common::rpc::{Link, LinkOptions};
use common::types::{Body, Envelope, Message, PeerId, ProcessId};
use parking_lot::RwLock;
use tokio::sync::mpsc;

use super::ports::PeerPort;

/// Messages that wait for a node; past it they are lost, and the protocol sends them again.
const QUEUE: usize = 16_384;
/// Bytes after which a batch is sent without taking more.
const BATCH_BYTES: usize = 2 << 20;
/// Messages of one batch.
const BATCH: usize = 4_096;
/// How long one delivery may take.
const CALL: Duration = Duration::from_secs(2);

struct Peer {
    link: Link<PeerServiceClient>,
    queue: mpsc::Sender<Envelope>,
}

/// The address book of a node.
pub(crate) struct Peers {
    me: PeerId,
    process: ProcessId,
    options: Arc<LinkOptions>,
    peers: RwLock<BTreeMap<PeerId, Arc<Peer>>>,
}

impl Peers {
    pub(crate) fn new(me: PeerId, process: ProcessId, options: Arc<LinkOptions>) -> Self {
        Self { me, process, options, peers: RwLock::default() }
    }

    /// Takes over the addresses that the meta server gave.
    pub(crate) fn update(&self, nodes: &[(PeerId, String)]) {
        for (peer, address) in nodes.iter().filter(|(peer, _)| *peer != self.me) {
            let known = self.peers.read().get(peer).is_some_and(|known| known.link.address() == address);
            if !known {
                self.peers.write().insert(*peer, Arc::new(self.connect(address)));
            }
        }
    }

    /// The queue's task ends when the entry is replaced and its sender dropped.
    fn connect(&self, address: &str) -> Peer {
        let link = Link::new(address, Arc::clone(&self.options));
        let (queue, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(forward(self.me, self.process, link.clone(), waiting));
        Peer { link, queue }
    }

    /// The link to a node.
    pub(crate) fn link(&self, peer: PeerId) -> Option<Link<PeerServiceClient>> {
        self.peers.read().get(&peer).map(|peer| peer.link.clone())
    }
}

impl PeerPort for Peers {
    fn send(&self, envelope: Envelope) {
        let peer = self.peers.read().get(&envelope.to.peer).map(Arc::clone);
        if let Some(peer) = peer {
            let _ = peer.queue.try_send(envelope);
        }
    }

    fn address(&self, peer: PeerId) -> Option<String> {
        self.peers.read().get(&peer).map(|peer| peer.link.address().to_owned())
    }
}

async fn forward(me: PeerId, process: ProcessId, link: Link<PeerServiceClient>, mut waiting: mpsc::Receiver<Envelope>) {
    while let Some(first) = waiting.recv().await {
        let batch = gather(first, &mut waiting);
        let sent = link.call(CALL, |client, context| async move { client.deliver(context, me, process, batch).await });
        if let Err(error) = sent.await {
            // Lost, as on a network; the senders' timers speak again.
            tracing::debug!(to = link.address(), %error, "messages were not delivered");
        }
    }
}

fn gather(first: Envelope, waiting: &mut mpsc::Receiver<Envelope>) -> Vec<Envelope> {
    let mut bytes = size(&first);
    let mut batch = vec![first];
    while bytes < BATCH_BYTES && batch.len() < BATCH {
        let Ok(next) = waiting.try_recv() else { break };
        bytes += size(&next);
        batch.push(next);
    }
    batch
}

/// About how many bytes a message takes on the wire.
fn size(envelope: &Envelope) -> usize {
    const HEADER: usize = 64;
    HEADER
        + match &envelope.message {
            Message::Prepare(prepare) => prepare.mutations.iter().map(|m| HEADER + body(&m.body)).sum(),
            Message::PrepareAck(_)
            | Message::PrepareRefused { .. }
            | Message::Config(_)
            | Message::AskDrop { .. }
            | Message::AskHandOver { .. } => 0,
        }
}

fn body(body: &Body) -> usize {
    match body {
        Body::Writes(writes) => writes.as_bytes().len(),
        Body::Opening { .. } => 0,
    }
}
