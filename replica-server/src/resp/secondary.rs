//! Reads of connections that said READONLY: from this node's secondary, while that is fresh enough.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use common::types::Ballot;
use replica_state::marks::Mark;
use resp::{Reply, Version};

use super::data::{command, evaluated, looks_once};
use super::door::Door;
use super::freshness::Watched;
use crate::replica::Replica;
use crate::storage::Storage;

/// A secondary that is not fresh enough is waited for so long: its primary is to be asked first, or the commit point is on
/// its way, which reaches a copy that hears of nothing else within 200 ms.
const WAIT: Duration = Duration::from_millis(300);
/// Between two looks at what a waited-for copy has applied.
const LOOK: Duration = Duration::from_millis(5);

/// A secondary that was fresh enough at one moment.
struct Fresh {
    ballot: Ballot,
    storage: Storage,
    mark: Mark,
}

impl Door {
    /// Answers a read; `None`: it is the primary's to answer.
    pub(super) async fn read_secondary(&self, slot: u16, arguments: &[Bytes], protocol: Version) -> Option<Reply> {
        if !self.freshness.is_on() {
            return None;
        }
        let gpid = self.atlas.page().partition(slot)?.gpid;
        let replica = self.node.registry.get(gpid)?;
        replica.view().follows()?;
        let reply = self.read_fresh(&replica, arguments, protocol).await;
        let counter = if reply.is_some() { &self.secondary_reads } else { &self.secondary_refusals };
        counter.inc();
        reply
    }

    /// Whether the copy is fresh enough is asked before and after the read: what took long is not told.
    async fn read_fresh(&self, replica: &Replica, arguments: &[Bytes], protocol: Version) -> Option<Reply> {
        let Fresh { ballot, storage, mark } = self.fresh(replica).await?;
        let command = match command(arguments) {
            Ok(command) => command,
            Err(reply) => return Some(reply),
        };
        let since = self.node.clock.mono();
        let mut context = self.context(&storage, protocol);
        // What had expired where the primary is when it was asked is not told any more (rule TIME).
        context.now_ms = context.now_ms.max(mark.time_ms);
        // A failure of this copy's disk is no news for a client that the primary can serve.
        let reply = evaluated(storage, command, context, looks_once(arguments)).await.ok()?;
        let now = self.node.clock.mono();
        let still = self.freshness.suffices(&mark, now) && follows(replica, ballot);
        still.then(|| {
            self.node.meters.read(since, now);
            reply
        })
    }

    /// The copy once it is fresh enough. It is waited for, unless somebody has waited in vain since it last was.
    async fn fresh(&self, replica: &Replica) -> Option<Fresh> {
        let began = self.node.clock.mono();
        let watched = self.freshness.watch(replica.gpid, began);
        let fresh = self.look(replica, &watched);
        if fresh.is_some() || watched.behind.load(Ordering::Relaxed) {
            return fresh;
        }
        let mut heard = watched.heard();
        self.freshness.hurry();
        while self.node.clock.mono().since(began) < WAIT {
            let _ = tokio::time::timeout(LOOK, heard.changed()).await;
            let fresh = self.look(replica, &watched);
            if fresh.is_some() {
                return fresh;
            }
        }
        watched.behind.store(true, Ordering::Relaxed);
        None
    }

    fn look(&self, replica: &Replica, watched: &Watched) -> Option<Fresh> {
        let (ballot, _) = replica.view().follows()?;
        let storage = replica.storage()?;
        let mark = watched.reached(ballot, storage.applied().decree)?;
        let fresh = self.freshness.suffices(&mark, self.node.clock.mono());
        if fresh {
            watched.behind.store(false, Ordering::Relaxed);
        }
        fresh.then_some(Fresh { ballot, storage, mark })
    }
}

fn follows(replica: &Replica, ballot: Ballot) -> bool {
    replica.view().follows().is_some_and(|(now, _)| now == ballot)
}
