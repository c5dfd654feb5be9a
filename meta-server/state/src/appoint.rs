//! Who leads when no process holds a role (rule ROLES), decided from what the nodes report.

use std::collections::BTreeMap;

use common::types::{
    Ballot, ConfigChange, Decree, Gpid, Incarnation, Member, PartitionConfig, PeerId, ReplicaStatus, Time,
};

use crate::cluster::Cluster;

/// What a node reports of its copy of one partition, in the run that is registered now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberReport {
    /// Which copy it has. Another than the configured one says nothing.
    pub incarnation: Incarnation,
    /// Its status now.
    pub status: ReplicaStatus,
    /// Ballot of its last prepared record.
    pub prepared_ballot: Ballot,
    /// Its last prepared decree, gap-free.
    pub prepared: Decree,
    /// Its log was read to the end without damage, and the recovered tail is fsynced.
    pub clean: bool,
    /// All that it ever acknowledged was fsynced first (`log.sync = always`).
    pub sync_always: bool,
}

impl MemberReport {
    const fn may_lead(&self) -> bool {
        self.clean && matches!(self.status, ReplicaStatus::Inactive)
    }

    const fn has_role(&self) -> bool {
        matches!(self.status, ReplicaStatus::Primary | ReplicaStatus::Secondary)
    }
}

/// The `Appoint` to make now, if any. `reports` holds what live nodes say; a node that is silent is absent.
///
/// A new partition is led by its first copy as soon as that exists. Otherwise nothing is decided while a member has a
/// role: a primary leads, and a secondary asks by itself when its grace ends (rule TAKE-OVER). Of members without a
/// role a clean one that fsynced all it acknowledged holds every acknowledged write; where there is none, only all
/// members together do.
#[must_use]
pub fn appoint(config: &PartitionConfig, reports: &BTreeMap<PeerId, MemberReport>) -> Option<ConfigChange> {
    let report_of = |m: Member| reports.get(&m.peer).filter(|r| r.incarnation == m.incarnation);
    if config.ballot == Ballot(0) {
        let first = config.learners.iter().copied().find(|m| report_of(*m).is_some_and(created))?;
        return Some(ConfigChange::Appoint { primary: first });
    }
    let reported: Vec<_> = config.members().filter_map(|m| report_of(m).map(|r| (m, r))).collect();
    if reported.iter().any(|(_, r)| r.has_role()) {
        return None;
    }
    let all_clean = reported.len() == config.member_count() && reported.iter().all(|(_, r)| r.may_lead());
    let best = reported
        .iter()
        .filter(|(_, r)| r.may_lead() && (r.sync_always || all_clean))
        .max_by_key(|(m, r)| (r.prepared_ballot, r.prepared, config.primary == Some(*m)))?;
    Some(ConfigChange::Appoint { primary: best.0 })
}

impl Cluster {
    /// What live nodes say of the copies of a partition.
    #[must_use]
    pub fn member_reports(&self, config: &PartitionConfig, now: Time) -> BTreeMap<PeerId, MemberReport> {
        config.copies().filter_map(|m| Some((m.peer, self.member_report(config.gpid, m.peer, now)?))).collect()
    }

    fn member_report(&self, gpid: Gpid, peer: PeerId, now: Time) -> Option<MemberReport> {
        let report = self.vitals(peer, now)?.replicas.get(&gpid)?;
        Some(MemberReport {
            incarnation: report.incarnation,
            status: report.status,
            prepared_ballot: report.prepared_ballot,
            prepared: report.prepared,
            clean: report.clean,
            sync_always: self.node(peer)?.sync_always,
        })
    }
}

const fn created(report: &MemberReport) -> bool {
    matches!(report.status, ReplicaStatus::Learner | ReplicaStatus::Inactive)
}

#[cfg(test)]
mod tests {
    use common::types::SlotRange;

    use super::*;
    use crate::{Requester, change_config, create_config};

    fn report(incarnation: u64, prepared: u64) -> MemberReport {
        MemberReport {
            incarnation: Incarnation(incarnation),
            status: ReplicaStatus::Inactive,
            prepared_ballot: Ballot(1),
            prepared: Decree(prepared),
            clean: true,
            sync_always: true,
        }
    }

    fn three() -> PartitionConfig {
        let mut config = create_config(Gpid::new(1, 0), SlotRange { start: 0, end: 16383 }, 3, PeerId(0));
        let first = config.learners[0];
        let step =
            |config: &PartitionConfig, from, change| change_config(config, from, config.ballot, &change, 0).unwrap();
        config = step(&config, Requester::MetaServer, ConfigChange::Appoint { primary: first });
        for peer in [PeerId(1), PeerId(2)] {
            config = step(&config, Requester::MetaServer, ConfigChange::AddLearner { peer });
            let learner = config.learners[0];
            config = step(&config, Requester::Peer(PeerId(0)), ConfigChange::Promote { learner });
        }
        config
    }

    fn decide(config: &PartitionConfig, reports: &[(u64, MemberReport)]) -> Option<PeerId> {
        let reports = reports.iter().map(|(peer, r)| (PeerId(*peer), *r)).collect();
        let change = appoint(config, &reports)?;
        let ConfigChange::Appoint { primary } = change else { panic!("{change:?} is no appointment") };
        Some(primary.peer)
    }

    #[test]
    fn a_new_partition_waits_for_its_first_copy() {
        let config = create_config(Gpid::new(1, 0), SlotRange { start: 0, end: 1 }, 3, PeerId(4));
        assert_eq!(decide(&config, &[]), None);
        assert_eq!(decide(&config, &[(4, report(9, 0))]), None);
        assert_eq!(decide(&config, &[(4, report(1, 0))]), Some(PeerId(4)));
    }

    #[test]
    fn the_clean_member_with_the_most_leads() {
        let config = three();
        let damaged = MemberReport { clean: false, ..report(2, 99) };
        assert_eq!(decide(&config, &[(0, report(1, 5)), (1, damaged), (2, report(3, 7))]), Some(PeerId(2)));
        let newer = MemberReport { prepared_ballot: Ballot(2), ..report(1, 3) };
        assert_eq!(decide(&config, &[(0, newer), (2, report(3, 7))]), Some(PeerId(0)));
    }

    #[test]
    fn a_copy_with_another_incarnation_never_leads() {
        assert_eq!(decide(&three(), &[(0, report(7, 50))]), None);
    }

    #[test]
    fn nothing_is_decided_while_a_member_has_a_role() {
        let secondary = MemberReport { status: ReplicaStatus::Secondary, ..report(2, 5) };
        assert_eq!(decide(&three(), &[(0, report(1, 5)), (1, secondary)]), None);
    }

    #[test]
    fn members_that_do_not_fsync_are_waited_for_to_the_last() {
        let config = three();
        let weak = |incarnation, prepared| MemberReport { sync_always: false, ..report(incarnation, prepared) };
        assert_eq!(decide(&config, &[(0, weak(1, 9)), (1, weak(2, 5))]), None);
        assert_eq!(decide(&config, &[(0, weak(1, 9)), (1, weak(2, 10)), (2, weak(3, 5))]), Some(PeerId(1)));
        assert_eq!(decide(&config, &[(0, weak(1, 9)), (1, report(2, 5))]), Some(PeerId(1)));
    }
}
