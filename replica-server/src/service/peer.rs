//! What other replica servers ask.

use std::sync::Arc;

use common::rpc::peer::{CommitPoint, LearnChunk, LearnOffer, LearnRequest, PeerService};
use common::rpc::{Context, WireResult};
use common::types::{Ballot, Beacon, BeaconAnswer, Body, Decree, Envelope, Gpid, Message, Mutation, PeerId, ProcessId};
use pacifica::Event;

use crate::replica::Node;

/// Serves other replica servers.
#[derive(Clone)]
pub(super) struct PeerDoor {
    pub(super) node: Arc<Node>,
}

impl PeerService for PeerDoor {
    async fn deliver(self, _: Context, from: PeerId, _process: ProcessId, messages: Vec<Envelope>) {
        for envelope in messages {
            if envelope.from.peer == from && envelope.to.peer == self.node.peer && is_sound(&envelope) {
                self.hand_over(envelope);
            }
        }
    }

    async fn beacon(self, _: Context, from: PeerId, beacon: Beacon) -> BeaconAnswer {
        self.node.beacons.receive(&self.node, from, &beacon)
    }

    async fn learn(self, _: Context, request: LearnRequest) -> WireResult<LearnOffer> {
        // Taking a checkpoint goes on even if the learner hangs up; its session then expires.
        let node = Arc::clone(&self.node);
        let task = tokio::spawn(async move { node.sources.learn(&*node, request).await });
        task.await.map_err(common::rpc::WireError::internal)?
    }

    async fn learn_log(self, _: Context, session: u64, from: Decree) -> WireResult<Vec<Arc<Mutation>>> {
        self.node.sources.log(session, from).await
    }

    async fn learn_chunk(self, _: Context, session: u64, file: u32, offset: u64) -> WireResult<LearnChunk> {
        self.node.sources.chunk(session, file, offset).await
    }

    async fn learn_end(self, _: Context, session: u64) {
        self.node.sources.end(session);
    }

    async fn commit_points(self, _: Context, asked: Vec<(Gpid, Ballot)>) -> Vec<CommitPoint> {
        self.node.commit_points(&asked)
    }
}

impl PeerDoor {
    /// A configuration may name a copy that does not run here yet; all else is for a copy that does.
    fn hand_over(&self, envelope: Envelope) {
        match &envelope.message {
            Message::Config(config) => self.node.install(vec![Arc::clone(config)]),
            Message::Prepare(_)
            | Message::PrepareAck(_)
            | Message::PrepareRefused { .. }
            | Message::AskDrop { .. }
            | Message::AskHandOver { .. } => {
                if let Some(replica) = self.node.registry.get(envelope.gpid) {
                    replica.event(Event::Message(Box::new(envelope)));
                }
            }
        }
    }
}

/// Whether the writes of a message are what they claim: serde did not check them, and they are about to be logged.
fn is_sound(envelope: &Envelope) -> bool {
    let Message::Prepare(prepare) = &envelope.message else { return true };
    let sound = prepare.mutations.iter().all(|mutation| match &mutation.body {
        Body::Writes(writes) => writes.is_sound(),
        Body::Opening { .. } => true,
    });
    if !sound {
        tracing::error!(gpid = %envelope.gpid, from = %envelope.from, "a malformed prepare was dropped");
    }
    sound
}
