//! An operator's decision for a partition that no member can lead (rule LAST COPY).

use std::collections::BTreeSet;

use common::rpc::meta_admin::RecoverPlan;
use common::rpc::meta_node::ReplicaReport;
use common::rpc::{ErrorCode, WireError};
use common::types::{ConfigChange, Gpid, Member, PeerId, ReplicaStatus, Time};

use super::view::unknown_node;
use crate::appoint::appoint;
use crate::cluster::Cluster;
use crate::creation::{Recovery, recover_config};
use crate::partition::{GivenUp, Partition};

/// What a recovery would do, and what to store to do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoverDecision {
    /// For the operator.
    pub plan: RecoverPlan,
    /// To be stored if confirmed; `None` if no copy is left.
    pub partition: Option<Partition>,
}

impl Cluster {
    /// Decides what a recovery of `gpid` would do if the nodes `dead` never came back.
    ///
    /// # Errors
    /// `NodeAlive` if one of them heartbeats; `PartitionBusy` if the partition can go on by itself, or if a member or a
    /// copy may still be somewhere that was not given up: a silent node, a node that loads, an absent disk.
    pub fn recover(&self, gpid: Gpid, dead: &[PeerId], now: Time) -> Result<RecoverDecision, WireError> {
        let partition = self.known(gpid)?;
        let dead: BTreeSet<PeerId> = dead.iter().copied().collect();
        self.check_dead(&dead, now)?;
        if partition.frozen.is_none() {
            self.check_helpless(partition, now)?;
        }
        self.check_nothing_hidden(partition, &dead, now)?;
        let copies = self.copies_reported(gpid, now);
        check_settled(partition, &copies)?;
        let best = copies.iter().filter(|(_, r)| can_lead(r)).max_by_key(|(peer, r)| {
            (partition.config.copy_on(*peer).is_some(), r.prepared_ballot, r.prepared, r.committed)
        });
        let Some((peer, report)) = best else { return Ok(nothing_left(&dead)) };
        let primary = Member { peer: *peer, incarnation: report.incarnation };
        let seen_ballot = copies.iter().map(|(_, r)| r.ballot).chain(partition.frozen).max().unwrap_or_default();
        let seen_incarnation = copies.iter().map(|(_, r)| r.incarnation).max().unwrap_or_default();
        let config = recover_config(&partition.config, Recovery { primary, seen_ballot, seen_incarnation });
        let given_up = GivenUp { below: config.next_incarnation, except: primary.incarnation };
        let mut next = partition.with(config, None);
        next.given_up = Some(given_up);
        next.frozen = None;
        let may_lose = losses(partition, primary, report);
        Ok(RecoverDecision {
            plan: RecoverPlan { primary: Some(primary), may_lose, done: false },
            partition: Some(next),
        })
    }

    fn check_dead(&self, dead: &BTreeSet<PeerId>, now: Time) -> Result<(), WireError> {
        for peer in dead {
            let node = self.nodes.get(peer).ok_or_else(|| unknown_node(*peer))?;
            if self.is_alive(*peer, now) {
                return Err(WireError::new(
                    ErrorCode::NodeAlive,
                    format!("node {peer} ({}) is alive", node.address),
                    "nothing is given up while a node heartbeats: stop it if it is to be given up",
                ));
            }
        }
        Ok(())
    }

    fn check_helpless(&self, partition: &Partition, now: Time) -> Result<(), WireError> {
        let config = &partition.config;
        let role = config.members().find(|m| {
            let report = self.vitals(m.peer, now).and_then(|v| v.replicas.get(&config.gpid));
            report.is_some_and(|r| matches!(r.status, ReplicaStatus::Primary | ReplicaStatus::Secondary))
        });
        match role.or_else(|| self.appointable(partition, now)) {
            None => Ok(()),
            Some(member) => Err(WireError::new(
                ErrorCode::PartitionBusy,
                format!("partition {} has a member that can lead it, on node {}", config.gpid, member.peer),
                "wait: it takes over by itself within seconds",
            )),
        }
    }

    // Without a fault of its own the guardian will have this member lead (rule ROLES).
    fn appointable(&self, partition: &Partition, now: Time) -> Option<Member> {
        let config = &partition.config;
        match appoint(config, &self.member_reports(config, now))? {
            ConfigChange::Appoint { primary } => Some(primary),
            ConfigChange::AddLearner { .. }
            | ConfigChange::Promote { .. }
            | ConfigChange::Drop { .. }
            | ConfigChange::HandOver { .. }
            | ConfigChange::TakeOver { .. }
            | ConfigChange::Rejoin { .. }
            | ConfigChange::EndMove { .. } => None,
        }
    }

    fn check_nothing_hidden(&self, partition: &Partition, dead: &BTreeSet<PeerId>, now: Time) -> Result<(), WireError> {
        let config = &partition.config;
        let holders =
            config.copies().map(|m| m.peer).chain(config.moving.map(|m| m.peer)).chain(partition.former.clone());
        let shows = |peer| self.vitals(peer, now).is_some_and(|v| v.loaded && v.replicas.contains_key(&config.gpid));
        for peer in holders.filter(|p| !dead.contains(p) && !shows(*p)) {
            let Some(reason) = self.hides(peer, now) else { continue };
            return Err(WireError::new(
                ErrorCode::PartitionBusy,
                format!("node {peer} {reason}"),
                format!("wait for it, or give it up: stop it and add --node-is-dead {peer}"),
            ));
        }
        Ok(())
    }

    /// Why a node may hold a copy that it does not report; `None`: what it does not report it does not have.
    pub(crate) fn hides(&self, peer: PeerId, now: Time) -> Option<&'static str> {
        match self.vitals(peer, now) {
            None => Some("is silent"),
            Some(vitals) if !vitals.loaded => Some("is still loading its replicas"),
            Some(vitals) => vitals.misses_a_disk().then_some("has a disk that is absent or broken and may hold a copy"),
        }
    }

    fn copies_reported(&self, gpid: Gpid, now: Time) -> Vec<(PeerId, ReplicaReport)> {
        let report = |peer: PeerId| Some((peer, *self.vitals(peer, now)?.replicas.get(&gpid)?));
        self.nodes.keys().filter_map(|peer| report(*peer)).collect()
    }
}

/// A copy that its node is about to take back under another incarnation cannot be appointed under the one reported.
fn check_settled(partition: &Partition, copies: &[(PeerId, ReplicaReport)]) -> Result<(), WireError> {
    let config = &partition.config;
    let renamed = |(peer, report): &&(PeerId, ReplicaReport)| {
        config.copy_on(*peer).is_some_and(|member| member.incarnation != report.incarnation)
    };
    match copies.iter().find(renamed) {
        None => Ok(()),
        Some((peer, _)) => Err(WireError::new(
            ErrorCode::PartitionBusy,
            format!("node {peer} is taking its copy of {} back under a new incarnation", config.gpid),
            "wait some seconds, then try again",
        )),
    }
}

fn can_lead(report: &ReplicaReport) -> bool {
    report.status != ReplicaStatus::Error
}

fn nothing_left(dead: &BTreeSet<PeerId>) -> RecoverDecision {
    let may_lose = format!("no copy is left on any live node: all data is on the {} nodes given up", dead.len());
    RecoverDecision { plan: RecoverPlan { primary: None, may_lose, done: false }, partition: None }
}

fn losses(partition: &Partition, primary: Member, report: &ReplicaReport) -> String {
    let config = &partition.config;
    let member = config.members().any(|m| m == primary);
    let word = match (member, report.clean) {
        (true, true) => "writes acknowledged after it stopped are lost, if it did not fsync them or left before them",
        (true, false) => "its log is damaged: acknowledged writes past the damage are lost",
        (false, _) => {
            "it is an old copy: every write acknowledged since it left the partition is lost, and perhaps the last one before"
        }
    };
    format!(
        "the copy on node {} leads alone from decree {} (ballot {}); {word}. Copies that return are set aside, not deleted",
        primary.peer, report.prepared, report.prepared_ballot
    )
}
