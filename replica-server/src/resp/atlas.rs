//! What this node knows of the cluster for its Redis clients: which slots belong to which partition of their table, who
//! leads it, and where nodes listen for Redis clients. Asked of the meta server every second, and at once when a request
//! meets a slot that nobody serves.
//!
//! It is only for redirections and `CLUSTER …`: whether this node itself serves a slot is known from its own replicas.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use client::{ClientOptions, MetaFinder, Repeat};
use common::clock::Clock;
use common::rpc::meta_admin::ClusterInfo;
use common::rpc::{ErrorCode, Secret, WireResult};
use common::shutdown::Stop;
use common::types::{PartitionConfig, PeerId, Time};
use parking_lot::RwLock;
use resp::cluster::{Health, Id, Node, Route, Topology};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Notify, watch};
use uuid::Uuid;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// Between two looks that requests ask for.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The last that was seen.
pub(crate) struct Atlas {
    me: PeerId,
    table: String,
    clock: Clock,
    finder: MetaFinder,
    page: RwLock<Arc<Page>>,
    wanted: Notify,
    turned: watch::Sender<u64>,
}

/// The cluster at one look.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// When the meta server was asked whose answer was that there is no such table.
    missed: Option<Time>,
    /// The table's partitions, in order of slot.
    partitions: Vec<Arc<PartitionConfig>>,
    nodes: BTreeMap<PeerId, Place>,
    cluster: Uuid,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) host: String,
    pub(super) port: u16,
    peer_port: u16,
    pub(super) alive: bool,
}

impl Atlas {
    /// Of the cluster of these meta servers, for the node `me`.
    pub(crate) fn new(me: PeerId, table: String, meta: &[String], secret: Option<Secret>, clock: Clock) -> Self {
        let mut options = ClientOptions::new(meta.iter().cloned());
        options.secret = secret;
        let (finder, page) = (MetaFinder::new(&options), RwLock::default());
        Self { me, table, clock, finder, page, wanted: Notify::new(), turned: watch::Sender::new(0) }
    }

    /// Looks again and again, until told to stop.
    pub(crate) async fn run(self: Arc<Self>, stop: Stop) {
        loop {
            // A meta server that is away changes nothing: what was seen last is still the best that there is.
            if let Err(error) = self.look().await {
                tracing::debug!(%error, "the cluster was not seen");
            }
            tokio::time::sleep(LOOK_AGAIN).await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
                () = self.wanted.notified() => {}
            }
        }
    }

    async fn look(&self) -> WireResult<()> {
        let info = self.finder.ask(Repeat::Safe, |meta, context| async move { meta.cluster(context).await }).await?;
        let (table, asked) = (&self.table, self.clock.mono());
        let route =
            self.finder.ask(Repeat::Safe, |meta, context| async move { meta.route(context, table.clone()).await });
        let (configs, missed) = match route.await {
            Ok(route) => (route.configs, None),
            // There are nodes all the same.
            Err(error) if error.code == ErrorCode::UnknownTable => (Vec::new(), Some(asked)),
            Err(error) => return Err(error),
        };
        let page = Page { missed, ..Page::of(info, configs) };
        *self.page.write() = Arc::new(page);
        self.turned.send_modify(|turn| *turn += 1);
        Ok(())
    }

    /// What was seen last.
    pub(super) fn page(&self) -> Arc<Page> {
        Arc::clone(&self.page.read())
    }

    /// What the table is called.
    pub(super) fn table(&self) -> &str {
        &self.table
    }

    /// Looks again soon; what comes back turns when it was done.
    pub(super) fn look_again(&self) -> watch::Receiver<u64> {
        let turned = self.turned.subscribe();
        self.wanted.notify_one();
        turned
    }

    /// The cluster as clients are told of it.
    pub(super) fn topology(&self) -> Topology {
        self.page().topology(self.me)
    }
}

impl Page {
    fn of(info: ClusterInfo, mut partitions: Vec<Arc<PartitionConfig>>) -> Self {
        partitions.sort_by_key(|config| config.slots);
        let nodes = info.nodes.into_iter().filter_map(|node| {
            let (host, port) = split(node.resp.as_deref()?)?;
            let peer_port = split(&node.address)?.1;
            Some((node.peer_id, Place { host: host.to_owned(), port, peer_port, alive: node.alive }))
        });
        Self { missed: None, partitions, nodes: nodes.collect(), cluster: info.cluster }
    }

    /// Whether the meta server, asked at this time or later, said that there is no such table.
    pub(super) fn missed_since(&self, time: Time) -> bool {
        self.missed.is_some_and(|asked| asked >= time)
    }

    /// The partition that owns a slot.
    pub(super) fn partition(&self, slot: u16) -> Option<&Arc<PartitionConfig>> {
        let at = self.partitions.partition_point(|config| config.slots.end < slot);
        self.partitions.get(at).filter(|config| config.slots.contains(slot))
    }

    /// All partitions of the table, in order of slot.
    pub(super) fn partitions(&self) -> &[Arc<PartitionConfig>] {
        &self.partitions
    }

    /// Where a node listens for Redis clients.
    pub(super) fn place(&self, peer: PeerId) -> Option<&Place> {
        self.nodes.get(&peer)
    }

    fn topology(&self, me: PeerId) -> Topology {
        let peers: Vec<PeerId> = self.nodes.keys().copied().collect();
        let index = |peer: PeerId| peers.iter().position(|other| *other == peer);
        let routes = self.partitions.iter().map(|config| Route {
            range: config.slots,
            primary: config.primary.and_then(|member| index(member.peer)),
            replicas: config.secondaries.iter().filter_map(|member| index(member.peer)).collect(),
        });
        Topology {
            nodes: self.nodes.iter().map(|(peer, place)| self.node(*peer, place)).collect(),
            myself: index(me).unwrap_or(usize::MAX),
            routes: routes.collect(),
            epoch: self.partitions.iter().map(|config| config.ballot.0).sum(),
        }
    }

    pub(super) fn node(&self, peer: PeerId, place: &Place) -> Node {
        Node {
            id: self.id("node", peer),
            shard: self.id("shard", peer),
            host: place.host.clone(),
            port: place.port,
            peer_port: place.peer_port,
            health: if place.alive { Health::Online } else { Health::Failed },
            offset: 0,
        }
    }

    /// The same for ever, and on every node: made from the cluster's id and the node's.
    fn id(&self, of: &str, peer: PeerId) -> Id {
        let hash =
            Sha256::new().chain_update(of).chain_update(self.cluster).chain_update(peer.0.to_be_bytes()).finalize();
        Id::new(*hash.first_chunk().unwrap_or(&[0; 20]))
    }
}

fn split(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    Some((host.trim_matches(['[', ']']), port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use common::types::{Ballot, Gpid, Incarnation, Member, SlotRange, TableId};

    use super::*;

    fn page() -> Page {
        let partition = |index: u32, primary: u64| {
            Arc::new(PartitionConfig {
                gpid: Gpid { table_id: TableId(1), partition_index: index },
                slots: SlotRange::at_creation(index, 4),
                ballot: Ballot(2),
                replica_count: 1,
                primary: Some(Member { peer: PeerId(primary), incarnation: Incarnation(1) }),
                secondaries: vec![],
                learners: vec![],
                consented: true,
                appointed: None,
                next_incarnation: Incarnation(2),
                moving: None,
            })
        };
        let place = |port| Place { host: "127.0.0.1".to_owned(), port, peer_port: 34801, alive: port != 6382 };
        Page {
            missed: None,
            partitions: vec![partition(0, 0), partition(1, 1), partition(2, 0), partition(3, 1)],
            nodes: [(PeerId(0), place(6381)), (PeerId(1), place(6382))].into(),
            cluster: Uuid::nil(),
        }
    }

    #[test]
    fn every_slot_belongs_to_the_partition_whose_range_it_is_in() {
        let page = page();
        let of = |slot| page.partition(slot).map(|config| config.gpid.partition_index);
        assert_eq!([0, 4095, 4096, 16383].map(of), [Some(0), Some(0), Some(1), Some(3)]);
        assert_eq!(Page::default().partition(7).map(|config| config.gpid), None);
    }

    #[test]
    fn ids_of_nodes_and_of_their_shards_are_all_different_and_stay() {
        let topology = page().topology(PeerId(1));
        let mut ids: Vec<_> = topology.nodes.iter().flat_map(|node| [node.id, node.shard]).collect();
        assert_eq!(topology.myself, 1);
        assert_eq!(page().topology(PeerId(0)).nodes[1].id, topology.nodes[1].id);
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 4);
    }
}
