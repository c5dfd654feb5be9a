//! What happens on a node without anybody asking: ticks, clock jumps, free space, garbage of the log.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use common::rpc::garbage::{GarbageDir, GcRequest};
use common::rpc::node_admin::DiskStatus;
use common::types::{Decree, Gpid, Incarnation};
use pacifica::{Event, Health};

use super::blocking;
use super::handle::{Input, Replica};
use super::node::Node;
use crate::disk::DiskFigures;
use crate::log::{DiskLog, LogStatus};

/// The core is to hear of time at least every 100 ms.
const TICK: Duration = Duration::from_millis(50);
/// Between two looks at what the log still has to keep.
const GARBAGE: Duration = Duration::from_secs(2);
/// Between two scrubs at least, however few replicas there are and however often they are to be read.
const SCRUB_PAUSE_MIN: Duration = Duration::from_secs(1);
/// Between two looks at directories that were set aside.
const TRASH: Duration = Duration::from_secs(60);

impl Node {
    /// Ticks every replica. A gap of half a lease between two ticks is a suspend or a pause: every lease counts as lost
    /// (rule LEASES).
    pub(crate) async fn tick(self: Arc<Self>) {
        let mut due = tokio::time::interval(TICK);
        due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut last = self.clock.mono();
        loop {
            due.tick().await;
            let now = self.clock.mono();
            let jumped = now.since(last) > self.options.lease / 2;
            last = now;
            if jumped {
                tracing::warn!("the clock jumped, or this process stood still: every lease counts as lost");
            }
            for replica in self.registry.all() {
                if jumped {
                    replica.event(Event::ClockJumped);
                }
                replica.event(Event::Tick);
            }
        }
    }

    /// Follows free space, the size of replicas and disk failures, and tells the replicas concerned.
    pub(crate) async fn watch_disks(self: Arc<Self>, every: Duration) {
        let mut known: BTreeMap<String, Health> = BTreeMap::new();
        loop {
            tokio::time::sleep(every).await;
            let (disks, replicas) = (Arc::clone(&self.disks), self.registry.all());
            blocking(move || {
                disks.poll();
                replicas.iter().for_each(|replica| replica.measure());
            })
            .await;
            for (disk, open) in self.logs.all() {
                if let LogStatus::IoError(error) = open.log.status() {
                    self.disks.fail(&disk, error.to_string());
                }
            }
            self.condemn_on_failed_disks();
            let figures = self.disks.figures();
            known.retain(|tag, _| figures.iter().any(|disk| disk.tag == *tag));
            for disk in figures {
                let health = self.health(&disk);
                if known.insert(disk.tag.clone(), health) != Some(health) {
                    self.tell_health(&disk.tag, health);
                }
                if health == Health::Well {
                    self.revive(&disk.tag);
                }
            }
        }
    }

    /// Opens what went to error on a disk that is well again, as after a restart: without a role (rule ROLES). RocksDB
    /// itself does not recover from a full disk.
    fn revive(self: &Arc<Self>, disk: &str) {
        let failed = |replica: &Arc<Replica>| {
            let view = replica.view();
            replica.place.disk == disk && view.error.is_some() && !view.condemned
        };
        for replica in self.registry.all().into_iter().filter(failed) {
            let node = Arc::clone(self);
            tokio::spawn(async move {
                if let Err(error) = node.reopen(&replica).await {
                    tracing::error!(gpid = %replica.gpid, %error, "a replica stays in error");
                }
            });
        }
    }

    /// Removes directories that have outlived their time, and notes what is left.
    pub(crate) async fn collect_trash(self: Arc<Self>) {
        loop {
            self.garbage(GcRequest::default()).await;
            tokio::time::sleep(TRASH).await;
            let (disks, now_ms) = (Arc::clone(&self.disks), self.clock.wall_ms());
            blocking(move || disks.collect_garbage(now_ms)).await;
        }
    }

    /// Lists what has lost its name, and removes of it what is asked for. What is left is noted for the metrics.
    pub(crate) async fn garbage(self: &Arc<Self>, request: GcRequest) -> Vec<GarbageDir> {
        let node = Arc::clone(self);
        blocking(move || {
            let now_ms = node.clock.wall_ms();
            let asked = node.disks.garbage(&request, now_ms);
            let left = node.disks.garbage(&GcRequest::default(), now_ms);
            *node.garbage.lock() = left;
            asked
        })
        .await
    }

    /// What a disk's state means for its replicas. One whose oldest append waits too long is as good as failed, though
    /// the node's beacons go on (rule LEASES).
    pub(super) fn health(&self, disk: &DiskFigures) -> Health {
        let log = self.logs.get(&disk.tag).map(|open| open.log.clone());
        let oldest = log.as_ref().and_then(DiskLog::oldest_append);
        let stalled = oldest.is_some_and(|since| self.clock.mono().since(since) > self.log_stall);
        let full = log.is_some_and(|log| matches!(log.status(), LogStatus::NoSpace));
        match disk.status {
            DiskStatus::IoError => Health::Sick,
            DiskStatus::Normal | DiskStatus::SpaceInsufficient if stalled => Health::Sick,
            DiskStatus::SpaceInsufficient => Health::NoSpace,
            DiskStatus::Normal if full => Health::NoSpace,
            DiskStatus::Normal => Health::Well,
        }
    }

    /// Scrubs one replica after the other, each once in `every`, so that damage is found while other copies are whole.
    pub(crate) async fn scrub_in_turn(self: Arc<Self>, every: Duration) {
        let mut last = Gpid::default();
        loop {
            let all = self.registry.all();
            let pause = every / u32::try_from(all.len()).unwrap_or(u32::MAX).max(1);
            tokio::time::sleep(pause.max(SCRUB_PAUSE_MIN)).await;
            let next = all.iter().find(|replica| replica.gpid > last).or_else(|| all.first());
            let Some(replica) = next else { continue };
            last = replica.gpid;
            match self.scrub(replica).await {
                Ok(report) if report.damage.is_empty() => tracing::debug!(gpid = %last, "scrubbed"),
                Ok(report) => self.found_damaged(replica, &report.damage).await,
                Err(error) => tracing::warn!(gpid = %last, %error, "a replica could not be scrubbed"),
            }
        }
    }

    fn tell_health(&self, disk: &str, health: Health) {
        tracing::info!(disk, ?health, "health of a disk's replicas");
        for replica in self.registry.all().iter().filter(|replica| replica.place.disk == disk) {
            // Said once, so it must arrive, however long the queue is.
            let replica = Arc::clone(replica);
            tokio::spawn(async move { replica.tell(Input::Event(Event::Health(health))).await });
        }
    }

    /// Removes log segments that nobody needs, and flushes the replicas that hold the oldest (rule PINS).
    pub(crate) async fn collect_log_garbage(self: Arc<Self>) {
        loop {
            tokio::time::sleep(GARBAGE).await;
            self.sources.expire();
            self.retention.retain(|gpid| self.registry.get(gpid).is_some());
            for (disk, log) in self.logs.all().into_iter().map(|(disk, open)| (disk, open.log.clone())) {
                let node = Arc::clone(&self);
                blocking(move || node.collect_on(&disk, &log)).await;
            }
        }
    }

    /// Up to where a replica's records are needed no more: flushed, and older than `log.keep`; while a neighbour moves its copy,
    /// nothing is given up (rule MOVES).
    fn unneeded(&self, replica: &Replica) -> Option<Decree> {
        let storage = replica.storage()?;
        let now = self.clock.now();
        let old = self.retention.note(replica.gpid, now.mono, storage.applied().decree);
        let moving = replica.view().config.as_ref().and_then(|config| config.moving);
        let flushed = storage.flushed().ok()?.decree;
        if moving.is_some_and(|moving| moving.deadline_ms > now.wall_ms) {
            Some(Decree(0))
        } else {
            Some(flushed.min(old))
        }
    }

    fn collect_on(&self, disk: &str, log: &DiskLog) {
        let flushed = |gpid: Gpid, incarnation: Incarnation| {
            let open = self.registry.get(gpid);
            let open = open.filter(|replica| replica.me.incarnation == incarnation && replica.place.disk == disk);
            match open {
                Some(replica) => self.unneeded(&replica),
                // Closed for a moment (it moves, or is opened anew): its tail may stand in the log alone.
                None => self.disks.names(disk, gpid, incarnation).then_some(Decree(0)),
            }
        };
        if let Err(error) = log.collect_garbage(&flushed) {
            tracing::warn!(disk, %error, "log segments cannot be removed");
        }
        for laggard in log.laggards() {
            let storage = self.registry.get(laggard.gpid).and_then(|replica| replica.storage());
            if let Some(Err(error)) = storage.map(|storage| storage.flush()) {
                tracing::warn!(gpid = %laggard.gpid, %error, "a replica that holds the log back cannot be flushed");
            }
        }
    }
}
