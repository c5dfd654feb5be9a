//! The guardian cures partitions, one step each at a time, by compare-and-set like everybody else.
//!
//! ```text
//! frozen, or its table dropped          nothing
//! ballot 0                              appoint the first copy once it exists; another node if its node is gone
//! `moving` past its deadline            end the move; the copy that comes later is surplus
//! no member has a role                  appoint (rule ROLES)
//! learner failed, or its node gone      drop the learner
//! learner that nothing needs            drop the learner
//! learner on a node that is drained     drop the learner
//! too few copies                        add a learner: on a node that has an old copy, else a new one; if the node that
//!                                       is missing is away, only after `replica_lost_delay`, and not at all in
//!                                       maintenance mode or without `enable_region_failover`. A node that comes and goes
//!                                       gets nothing until it is steady, unless writes need its old copy
//! ```
//!
//! A dead node's members are the primary's to drop (rule UNION). The guardian waits for a disk move before its
//! deadline, and while a job has the partition locked (rule MOVES) unless that job's node is gone. One thing it does
//! beside a job's lock: a job that has not taken its copy out yet, and whose node was restarted, gets that copy back; it
//! waits for nothing else. A procedure's lock keeps it from dropping learners that nothing needs, since one of them may
//! be the procedure's own; copies that are missing it adds all the same, for a procedure may take long and minds no others.

use std::time::Duration;

use common::types::{Ballot, ConfigChange, Gpid, Member, Now, PeerId, ReplicaStatus};

use super::options::GuardianOptions;
use super::outlook::Outlook;
use super::placement::Loads;
use crate::appoint::appoint;
use crate::cluster::Cluster;
use crate::node::DEAD_AFTER;
use crate::partition::Partition;

/// The most proposals of one round; the next round goes on.
const PROPOSALS_MAX: usize = 1024;
/// After an appointment the nodes get this time to hear of it.
const APPOINT_PAUSE: Duration = Duration::from_secs(3);

/// A copy that was just made a learner gets this time to become one.
const LEARNER_PAUSE: Duration = Duration::from_secs(3);

/// A learner holds nothing that its partition misses: so long, and not `replica_lost_delay`, its silent node or a node that
/// does not make it is waited for, unless that delay is shorter.
const LEARNER_LOST: Duration = Duration::from_secs(30);

/// A cure, based on a ballot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The partition.
    pub gpid: Gpid,
    /// The ballot that it was decided at.
    pub expected: Ballot,
    /// What to do.
    pub cure: Cure,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cure {
    /// A change of the configuration, by the meta server itself.
    Change(ConfigChange),
    /// Another node for the first copy of a partition that never had a primary.
    FirstCopy(PeerId),
    /// A copy made anew on this node, in the place of one that is lost: a learner, and the record that says so.
    Rebuild(PeerId),
}

/// What to do now: at most one step per partition.
#[must_use]
pub fn guardian(cluster: &Cluster, options: GuardianOptions, now: Now) -> Vec<Proposal> {
    let loads = Loads::of(cluster, options.node_steady_after, now.mono);
    let look = Outlook { cluster, options, now };
    let mut round = Round { cluster, options, now, look, loads, rebuilds: cluster.rebuilds() };
    let mut proposals = Vec::new();
    for partition in cluster.live_partitions().filter(|p| p.frozen.is_none()) {
        if let Some(cure) = round.cure(partition) {
            let config = &partition.config;
            proposals.push(Proposal { gpid: config.gpid, expected: config.ballot, cure });
        }
        if proposals.len() == PROPOSALS_MAX {
            break;
        }
    }
    proposals
}

struct Round<'a> {
    cluster: &'a Cluster,
    options: GuardianOptions,
    now: Now,
    look: Outlook<'a>,
    loads: Loads,
    /// Copies that are being made anew, with those of this round.
    rebuilds: usize,
}

impl Round<'_> {
    fn cure(&mut self, partition: &Partition) -> Option<Cure> {
        if let Some(change) = self.appointment(partition) {
            return Some(Cure::Change(change));
        }
        if partition.config.ballot == Ballot(0) {
            return self.first_copy(partition);
        }
        // Without a primary that is there nobody could teach a learner, or drop one that was promoted meanwhile.
        let primary = partition.config.primary?;
        self.cluster.vitals(primary.peer, self.now.mono)?;
        let change = self.overdue_move(partition).or_else(|| self.useless_learner(partition));
        change.map(Cure::Change).or_else(|| self.missing_copy(partition))
    }

    fn appointment(&self, partition: &Partition) -> Option<ConfigChange> {
        let config = &partition.config;
        let appointed = matches!(partition.last, Some((_, ConfigChange::Appoint { .. })));
        if appointed && self.look.since_change(partition) < APPOINT_PAUSE {
            return None;
        }
        if config.members().any(|m| self.may_speak_soon(m.peer)) {
            return None;
        }
        appoint(config, &self.cluster.member_reports(config, self.now.mono))
    }

    // A node that this process of the meta server has not heard of yet may be about to say that it leads.
    fn may_speak_soon(&self, peer: PeerId) -> bool {
        !self.cluster.vitals.contains_key(&peer) && self.cluster.silent_for(peer, self.now.mono) < DEAD_AFTER
    }

    fn first_copy(&mut self, partition: &Partition) -> Option<Cure> {
        let first = partition.config.learners.first()?;
        let gone = self.cluster.silent_for(first.peer, self.now.mono) >= DEAD_AFTER;
        let failed = self.has_failed(partition, *first);
        if !gone && !failed {
            return None;
        }
        let peer = self.loads.place_copy(self.cluster, partition)?;
        Some(Cure::FirstCopy(peer))
    }

    fn overdue_move(&mut self, partition: &Partition) -> Option<ConfigChange> {
        let moving = partition.config.moving?;
        (self.now.wall_ms > moving.deadline_ms).then_some(ConfigChange::EndMove { job: moving.job })
    }

    fn useless_learner(&mut self, partition: &Partition) -> Option<ConfigChange> {
        let config = &partition.config;
        let surplus = config.is_healthy() && config.moving.is_none() && !self.look.is_locked(partition);
        let leaves = |m: &Member| self.cluster.is_draining(m.peer) && !self.look.is_locked(partition);
        let useless = |m: &&Member| surplus || leaves(m) || self.is_lost(m.peer) || self.has_failed(partition, **m);
        let member = *config.learners.iter().find(useless)?;
        Some(ConfigChange::Drop { member, moving: None })
    }

    // Its disk failed; or it has no room for it; or it was restarted and has no role until it is added anew; or it never
    // came to be.
    fn has_failed(&self, partition: &Partition, member: Member) -> bool {
        let Some(vitals) = self.cluster.vitals(member.peer, self.now.mono) else { return false };
        let report = vitals.replicas.get(&partition.config.gpid).filter(|r| r.incarnation == member.incarnation);
        let since = self.look.since_change(partition);
        match report {
            Some(report) => match report.status {
                ReplicaStatus::Error => true,
                ReplicaStatus::Inactive => {
                    report.ballot >= partition.config.ballot.max(Ballot(1)) && since >= LEARNER_PAUSE
                }
                ReplicaStatus::Primary | ReplicaStatus::Secondary | ReplicaStatus::Learner => false,
            },
            None => vitals.loaded && (!vitals.has_room() || since >= self.learner_lost()),
        }
    }

    fn missing_copy(&mut self, partition: &Partition) -> Option<Cure> {
        let look = self.look;
        if !look.lacks_copies(partition) || !look.may_try_again(partition) {
            return None;
        }
        if look.is_left_to_a_job(partition) {
            return self.copy_of_the_job(partition).map(Cure::Change);
        }
        if let Some(peer) = look.returned(partition, &self.loads).filter(|_| look.futile_tries(partition) == 0) {
            self.loads.add(peer, false);
            return Some(Cure::Change(ConfigChange::AddLearner { peer }));
        }
        if look.waits_for_return(partition, &self.loads) {
            return None;
        }
        self.new_copy(partition)
    }

    // The copies of a new table hold nothing; those of a lost node cost the others much.
    fn new_copy(&mut self, partition: &Partition) -> Option<Cure> {
        let is_new = partition.missing_nodes().next().is_none();
        if !is_new && self.rebuilds >= self.options.max_rebuilds {
            return None;
        }
        let peer = self.loads.place_copy(self.cluster, partition)?;
        if is_new {
            return Some(Cure::Change(ConfigChange::AddLearner { peer }));
        }
        self.rebuilds += 1;
        Some(Cure::Rebuild(peer))
    }

    // The lock keeps other work away from a move, not the move's own copy. Between leaving and coming in `moving` brings it
    // back; before that and after that a copy whose process ended comes back like any other, or the job waits for ever.
    fn copy_of_the_job(&self, partition: &Partition) -> Option<ConfigChange> {
        let job = self.cluster.job(partition.lock?.job)?;
        let waits = partition.config.moving.is_none();
        let back = waits && self.look.can_return(partition, job.node, &self.loads);
        back.then_some(ConfigChange::AddLearner { peer: job.node })
    }

    fn is_lost(&self, peer: PeerId) -> bool {
        self.cluster.silent_for(peer, self.now.mono) >= self.learner_lost()
    }

    fn learner_lost(&self) -> Duration {
        self.options.replica_lost_delay.min(LEARNER_LOST)
    }
}
