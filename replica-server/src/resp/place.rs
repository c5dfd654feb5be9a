//! Where the commands of a slot are carried out.

use std::sync::Arc;
use std::time::Duration;

use common::types::{PartitionConfig, ReplicaStatus};
use resp::cluster::moved;
use resp::{Reply, errors};

use super::atlas::Page;
use super::door::Door;
use crate::replica::Replica;

/// A slot that is between two primaries is waited for so long, since the next one is there soon: a take-over takes three to
/// four seconds.
const WAIT: Duration = Duration::from_secs(5);
/// Between two looks at a slot that nobody serves.
const LOOK: Duration = Duration::from_millis(20);

/// What is known of a slot now.
enum Sight {
    Here(Arc<Replica>),
    Elsewhere(Reply),
    Nowhere,
}

impl Door {
    /// The replica of this node that leads the slot's partition and serves.
    ///
    /// # Errors
    /// The answer: `MOVED`, or `CLUSTERDOWN` once nobody has served it for a while, or at once if there is no table.
    pub(super) async fn place(&self, slot: u16) -> Result<Arc<Replica>, Reply> {
        let mut began = None;
        loop {
            match self.sight(slot) {
                Sight::Here(replica) => return Ok(replica),
                Sight::Elsewhere(reply) => return Err(reply),
                Sight::Nowhere => {}
            }
            let now = self.node.clock.mono();
            let began = *began.get_or_insert(now);
            // It may have been created since the last look, so only what was said after the request counts.
            if self.atlas.page().missed_since(began) {
                return Err(self.no_table());
            }
            if now.since(began) >= WAIT {
                return Err(Reply::error(errors::SLOT_NOT_SERVED));
            }
            let mut turned = self.atlas.look_again();
            // Either there is news of the cluster, or of this node's own replica.
            let _ = tokio::time::timeout(LOOK, turned.changed()).await;
        }
    }

    fn no_table(&self) -> Reply {
        let table = self.atlas.table();
        Reply::error(format!(
            "{}: there is no table '{table}', create it (admin-cli create {table})",
            errors::SLOT_NOT_SERVED
        ))
    }

    /// Where the slot is by now; if that is not elsewhere, the client asks again.
    pub(super) fn redirection(&self, slot: u16) -> Reply {
        match self.sight(slot) {
            Sight::Elsewhere(reply) => reply,
            Sight::Here(_) | Sight::Nowhere => Reply::error(errors::TRY_AGAIN),
        }
    }

    fn sight(&self, slot: u16) -> Sight {
        let page = self.atlas.page();
        let Some(seen) = page.partition(slot) else { return Sight::Nowhere };
        let Some(replica) = self.node.registry.get(seen.gpid) else { return self.elsewhere(&page, seen, slot) };
        let view = replica.view();
        if view.status == ReplicaStatus::Primary {
            let serves = replica.may_read(self.node.clock.mono());
            return if serves { Sight::Here(replica) } else { Sight::Nowhere };
        }
        // What this node was told of its own partition is mostly newer than what it asked for.
        let config = view.config.as_ref().filter(|config| config.ballot > seen.ballot).unwrap_or(seen);
        self.elsewhere(&page, config, slot)
    }

    /// A node that does not answer is no help to the client.
    fn elsewhere(&self, page: &Page, config: &PartitionConfig, slot: u16) -> Sight {
        let primary = config.primary.map(|member| member.peer).filter(|peer| *peer != self.node.peer);
        let place = primary.and_then(|peer| Some((peer, page.place(peer)?)));
        place
            .filter(|(_, place)| place.alive)
            .map_or(Sight::Nowhere, |(peer, place)| Sight::Elsewhere(moved(slot, &page.node(peer, place))))
    }
}
