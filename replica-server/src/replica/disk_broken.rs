//! A broken disk is given up: only if nothing that may stand on it is needed (rule LAST COPY); and what waited for it is
//! decided then.

use std::collections::BTreeSet;
use std::sync::Arc;

use common::rpc::WireResult;
use common::types::Gpid;

use super::blocking;
use super::disk_remove::LET_GO;
use super::handle::Place;
use super::node::Node;
use crate::disk::{DiskSetError, replicas};

impl Node {
    /// What stands on a broken disk cannot be looked at. It is given up only if no configuration names a copy of this
    /// node that is not open on another disk (rule LAST COPY).
    pub(super) async fn give_up_broken(self: &Arc<Self>, tag: &str) -> WireResult<()> {
        let configs = self.meta.configs_of(self.peer).await?;
        let configured = super::configured_on(self.peer, &configs);
        let elsewhere = |gpid: Gpid, incarnation| {
            let open = self.registry.get(gpid);
            open.is_some_and(|replica| replica.me.incarnation == incarnation && replica.place.disk != tag)
        };
        let there: BTreeSet<Gpid> =
            configured.into_iter().filter(|(gpid, copy)| !elsewhere(*gpid, *copy)).map(|(gpid, _)| gpid).collect();
        if !there.is_empty() {
            let hint = "wait until they are cured elsewhere (app TABLE -d); a partition without any other copy must \
                        not be given up: bring the disk back";
            let what = format!("its last copy may be on it: {}", replicas(&there));
            return Err(DiskSetError::NotEmpty { tag: tag.to_owned(), what, hint: hint.to_owned() }.to_wire());
        }
        let there = |replica: &Arc<super::Replica>| replica.place.disk == tag;
        for replica in self.registry.all().into_iter().filter(there) {
            let _turn = self.turns.take(replica.gpid).await;
            // It has no role any more; that its files cannot be closed in order is to be expected.
            let _ = tokio::time::timeout(LET_GO, self.stop_replica(&replica, false)).await;
        }
        Ok(())
    }

    /// No disk is absent any more that could hold what these partitions waited for: the rules of a start decide.
    pub(super) async fn decide_waiting(self: &Arc<Self>) {
        let gpids: Vec<Gpid> = self.waiting.lock().iter().copied().collect();
        let asked = tokio::time::timeout(LET_GO, self.meta.configs(gpids.clone()));
        let Ok(configs) = asked.await else { return };
        let configured = Arc::new(super::configured_on(self.peer, &configs));
        for gpid in gpids {
            let _turn = self.turns.take(gpid).await;
            let (disks, configured, now_ms) = (Arc::clone(&self.disks), Arc::clone(&configured), self.clock.wall_ms());
            let decided = blocking(move || disks.recover(&disks.scan().only(&[gpid]), &configured, now_ms)).await;
            if !decided.waiting.is_empty() || !decided.failed.is_empty() {
                continue;
            }
            self.waiting.lock().remove(&gpid);
            for copy in decided.open {
                let place = Place { disk: copy.disk, dir: copy.dir };
                if let Err(error) = self.open(place.clone(), copy.info).await {
                    tracing::error!(%gpid, %error, "a replica that waited for a disk cannot be opened");
                    self.give_up(gpid, &place).await;
                }
            }
        }
    }
}
