//! The start of a node: what stands on the disks is opened, disk by disk in parallel, after the recovery of moves that
//! a crash interrupted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use common::rpc::WireResult;
use common::types::{Gpid, Incarnation, PartitionConfig, PeerId};
use futures::future::join_all;

use super::handle::Place;
use super::node::Node;
use crate::disk::ReplicaInfo;

/// The incarnations that a node is to hold, as member, learner, or at the end of a move.
pub(crate) fn configured_on(me: PeerId, configs: &[Arc<PartitionConfig>]) -> BTreeMap<Gpid, Incarnation> {
    let copy = |config: &Arc<PartitionConfig>| {
        let moving = config.moving.filter(|moving| moving.peer == me).map(|moving| moving.incarnation);
        Some((config.gpid, config.copy_on(me).map(|copy| copy.incarnation).or(moving)?))
    };
    configs.iter().filter_map(copy).collect()
}

impl Node {
    /// Opens the replicas found, each disk on its own; one that cannot be opened is reported and left for a cure.
    pub(crate) async fn load(self: &Arc<Self>, found: Vec<(Place, ReplicaInfo)>) {
        let mut by_disk: BTreeMap<String, Vec<(Place, ReplicaInfo)>> = BTreeMap::new();
        for (place, info) in found {
            by_disk.entry(place.disk.clone()).or_default().push((place, info));
        }
        join_all(by_disk.into_values().map(|copies| Arc::clone(self).load_disk(copies))).await;
        self.loaded.store(true, Ordering::Release);
    }

    async fn load_disk(self: Arc<Self>, copies: Vec<(Place, ReplicaInfo)>) {
        for (place, info) in copies {
            let (gpid, dir) = (info.gpid, place.dir.clone());
            if let Err(error) = self.open(place.clone(), info).await {
                tracing::error!(%gpid, dir = %dir.display(), %error, "a replica cannot be opened and is set aside");
                self.give_up(gpid, &place).await;
            }
        }
    }

    /// A copy that cannot be opened is kept as `.err`, so that the partition is cured elsewhere or here anew.
    pub(super) async fn give_up(&self, gpid: Gpid, place: &Place) {
        let (disks, place, now_ms) = (Arc::clone(&self.disks), place.clone(), self.clock.wall_ms());
        let aside: WireResult<()> = super::blocking(move || {
            disks.set_aside_damaged(&place.disk, &place.dir, now_ms).map(drop).map_err(common::rpc::WireError::internal)
        })
        .await;
        if let Err(error) = aside {
            tracing::error!(%gpid, %error, "a damaged replica cannot be set aside: nothing is made anew for it");
            self.waiting.lock().insert(gpid);
        }
    }
}
