//! How a partition stands, as far as reports tell: what lacks, what may still come back, whether another try is due. Asked by
//! the guardian before it acts, and by the alarms about why it does not.

use std::time::Duration;

use common::types::{Now, PeerId, ReplicaStatus};

use super::options::GuardianOptions;
use super::placement::Loads;
use crate::cluster::Cluster;
use crate::node::Vitals;
use crate::partition::Partition;

/// The longest pause between two tries to give a partition what it lacks.
const TRY_AGAIN_MAX: Duration = Duration::from_secs(600);

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outlook<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) options: GuardianOptions,
    pub(super) now: Now,
}

impl Outlook<'_> {
    /// Whether fewer copies are there or on their way than are wanted.
    pub(super) fn lacks_copies(&self, partition: &Partition) -> bool {
        let config = &partition.config;
        let awaited = config.moving.is_some_and(|m| config.copy_on(m.peer).is_none());
        config.copies().count() + usize::from(awaited) < config.replica_count as usize
    }

    /// How long its configuration has stood.
    pub(super) fn since_change(&self, partition: &Partition) -> Duration {
        let changed = self.cluster.pace(partition.config.gpid).changed;
        self.now.mono.since(changed.max(self.cluster.started))
    }

    /// How long it has not been healthy.
    pub(super) fn unhealthy_for(&self, partition: &Partition) -> Duration {
        let unhealthy = self.cluster.pace(partition.config.gpid).unhealthy;
        unhealthy.map_or(Duration::ZERO, |since| self.now.mono.since(since))
    }

    /// Whether a job or a procedure has it for itself.
    pub(super) fn is_locked(&self, partition: &Partition) -> bool {
        partition.lock.is_some_and(|lock| self.cluster.is_held(lock, self.now))
    }

    /// Whether a job between disks has it; a procedure minds no further learner.
    pub(super) fn is_left_to_a_job(&self, partition: &Partition) -> bool {
        self.is_locked(partition) && !partition.lock.is_some_and(|lock| self.cluster.is_procedures(lock.job))
    }

    /// Learners added since the partition was healthy, beyond those that it took to make it so.
    pub(super) fn futile_tries(&self, partition: &Partition) -> u32 {
        self.cluster.pace(partition.config.gpid).learners.saturating_sub(partition.config.replica_count)
    }

    /// The pause before the next try: 2 s, 4 s, 8 s and so on. It never becomes "not at all": a full disk is emptied, a cable
    /// put back, and nobody would think of telling the meta server. A try in ten minutes costs little, and the alarm
    /// stands meanwhile.
    pub(super) fn pause(&self, partition: &Partition) -> Duration {
        match self.futile_tries(partition) {
            0 => Duration::ZERO,
            futile => Duration::from_secs(1 << futile.min(10)).min(TRY_AGAIN_MAX),
        }
    }

    /// Whether that pause is over.
    pub(super) fn may_try_again(&self, partition: &Partition) -> bool {
        self.since_change(partition) >= self.pause(partition)
    }

    /// A node that still has a copy, and lacks little; a former member the least.
    pub(super) fn returned(&self, partition: &Partition, loads: &Loads) -> Option<PeerId> {
        let former = partition.former.iter().rev();
        former.chain(self.cluster.nodes.keys()).copied().find(|peer| self.can_return(partition, *peer, loads))
    }

    /// Whether this node's old copy can be taken back. Without the members that writes need it is not asked how steady the
    /// node is: availability comes before calm.
    pub(super) fn can_return(&self, partition: &Partition, peer: PeerId, loads: &Loads) -> bool {
        let needed = partition.config.member_count() < partition.config.min_replicas();
        let able = if needed { loads.bears_learner(peer) } else { loads.is_usable(peer) };
        able && self.has_old_copy(partition, peer)
    }

    fn has_old_copy(&self, partition: &Partition, peer: PeerId) -> bool {
        let config = &partition.config;
        let moves = config.moving.is_some_and(|m| m.peer == peer);
        let vitals = self.cluster.vitals(peer, self.now.mono).filter(|vitals| self.is_news(partition, vitals));
        let report = vitals.and_then(|vitals| vitals.replicas.get(&config.gpid));
        let back = report.is_some_and(|r| r.status != ReplicaStatus::Error && !partition.has_given_up(r.incarnation));
        back && !moves && config.copy_on(peer).is_none()
    }

    /// Whether a node was heard since the configuration changed. A member is dropped because it died, which its last heartbeat
    /// did not know: taken back at its word it would be a learner that is not there.
    fn is_news(&self, partition: &Partition, vitals: &Vitals) -> bool {
        vitals.seen >= self.cluster.pace(partition.config.gpid).changed
    }

    /// Whether a copy that is missing is not to be made anew yet.
    pub(super) fn waits_for_return(&self, partition: &Partition, loads: &Loads) -> bool {
        partition.missing_nodes().any(|peer| self.may_come_back(partition, peer, loads))
    }

    fn may_come_back(&self, partition: &Partition, peer: PeerId, loads: &Loads) -> bool {
        let unsteady = self.is_unsteady(peer);
        let away_for = match self.cluster.vitals(peer, self.now.mono) {
            Some(vitals) if !self.is_news(partition, vitals) => self.since_change(partition),
            // It is only not trusted yet: its copy is worth as much patience as one that is away.
            Some(vitals) if vitals.loaded && unsteady => {
                if !self.has_old_copy(partition, peer) || !loads.bears_learner(peer) {
                    return false;
                }
                Duration::ZERO
            }
            Some(vitals) if vitals.loaded => return false,
            Some(_) => self.since_change(partition),
            None => self.cluster.silent_for(peer, self.now.mono),
        };
        // One that comes and goes would otherwise be waited for anew with every comeback.
        let away_for = if unsteady { away_for.max(self.unhealthy_for(partition)) } else { away_for };
        self.is_paused() || away_for < self.options.replica_lost_delay
    }

    pub(super) fn is_unsteady(&self, peer: PeerId) -> bool {
        self.cluster.distrust(peer, self.options.node_steady_after, self.now.mono).is_some()
    }

    /// An operator takes nodes down, or wants to decide by himself.
    fn is_paused(&self) -> bool {
        !self.options.enable_region_failover || self.cluster.identity.maintenance_since_ms.is_some()
    }
}
