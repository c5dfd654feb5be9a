//! A change by compare-and-set: decided here for every requester, so that one place knows of repetition and freezing.

use std::sync::Arc;

use common::rpc::{ErrorCode, WireError};
use common::types::{Ballot, ConfigChange, Gpid, PartitionConfig, ReplicaStatus};

use crate::change::{Requester, change_config};
use crate::cluster::Cluster;
use crate::partition::Partition;
use crate::policy::{Cure, Proposal};
use crate::refusal::ChangeRefusal;

/// How a change ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Store this, then it is in force.
    Install(Partition),
    /// Exactly this request made the present configuration before.
    Installed(Arc<PartitionConfig>),
    /// The ballot is above the expected one.
    Superseded(Arc<PartitionConfig>),
    /// Refused at this ballot.
    Refused(Arc<PartitionConfig>, ChangeRefusal),
    /// Somebody knows a ballot above the stored one: store this, decide nothing (rule META).
    Freeze(Partition),
}

impl Cluster {
    /// Decides a change.
    ///
    /// # Errors
    /// The partition is unknown or frozen: no outcome.
    pub fn decide(
        &self,
        from: Requester,
        gpid: Gpid,
        expected: Ballot,
        change: &ConfigChange,
        now_ms: u64,
    ) -> Result<Verdict, WireError> {
        let partition = self.known(gpid)?;
        let config = &partition.config;
        if partition.frozen.is_some() {
            return Err(frozen_error(gpid));
        }
        if expected > config.ballot {
            return Ok(Verdict::Freeze(Partition { frozen: Some(expected), ..partition.clone() }));
        }
        if partition.came_of(from, expected, change) {
            return Ok(Verdict::Installed(Arc::clone(config)));
        }
        if expected < config.ballot {
            return Ok(Verdict::Superseded(Arc::clone(config)));
        }
        let decided = self
            .check_successor(gpid, change)
            .and_then(|()| check_lock(partition, change))
            .and_then(|()| change_config(config, from, expected, change, now_ms));
        match decided {
            Ok(next) => Ok(Verdict::Install(partition.with(next, Some((from, change.clone()))))),
            Err(refusal) => Ok(Verdict::Refused(Arc::clone(config), refusal)),
        }
    }

    /// A primary may not have noticed yet that a member was restarted. Without fsync that member may have forgotten
    /// what it acknowledged, and only all members together know (rule ROLES).
    fn check_successor(&self, gpid: Gpid, change: &ConfigChange) -> Result<(), ChangeRefusal> {
        let ConfigChange::HandOver { to } = *change else { return Ok(()) };
        if self.node(to.peer).is_none_or(|node| node.sync_always) {
            return Ok(());
        }
        let report = self.vitals.get(&to.peer).and_then(|vitals| vitals.replicas.get(&gpid));
        let follows = report.is_some_and(|r| r.incarnation == to.incarnation && r.status == ReplicaStatus::Secondary);
        if follows { Ok(()) } else { Err(ChangeRefusal::MayHaveForgotten { member: to }) }
    }

    /// What to store for a proposal of the guardian; `None` if the partition changed since.
    #[must_use]
    pub fn accept(&self, proposal: &Proposal, now_ms: u64) -> Option<Partition> {
        let partition = self.partitions.get(&proposal.gpid)?;
        let install = |change: &ConfigChange| match self.decide(
            Requester::MetaServer,
            proposal.gpid,
            proposal.expected,
            change,
            now_ms,
        ) {
            Ok(Verdict::Install(next)) => Some(next),
            Ok(_) | Err(_) => None,
        };
        match &proposal.cure {
            Cure::Change(change) => install(change),
            Cure::Rebuild(peer) => install(&ConfigChange::AddLearner { peer: *peer }),
            Cure::FirstCopy(peer) => {
                crate::creation::replace_first_copy(&partition.config, *peer).map(|next| partition.with(next, None))
            }
        }
    }

    pub(crate) fn known(&self, gpid: Gpid) -> Result<&Partition, WireError> {
        self.partitions.get(&gpid).filter(|_| self.tables.contains_key(&gpid.table_id)).ok_or_else(|| {
            WireError::new(
                ErrorCode::UnknownPartition,
                format!("there is no partition {gpid}"),
                "list tables with admin-cli ls, partitions with admin-cli app <table> -d",
            )
        })
    }
}

/// A request to leave may arrive when its job has been given up. The job ends by giving its lock back, and so nothing that
/// it asked for can take the copy out afterwards (rule MOVES).
fn check_lock(partition: &Partition, change: &ConfigChange) -> Result<(), ChangeRefusal> {
    let ConfigChange::Drop { moving: Some(moving), .. } = change else { return Ok(()) };
    let holds = partition.lock.is_some_and(|lock| lock.job == moving.job);
    if holds { Ok(()) } else { Err(ChangeRefusal::NotLocked { job: moving.job }) }
}

pub(crate) fn frozen_error(gpid: Gpid) -> WireError {
    WireError::new(
        ErrorCode::PartitionBusy,
        format!("partition {gpid} is frozen: a copy reported a ballot that this meta server never gave"),
        "the metadata is older than the data: restore it, or decide with admin-cli recover",
    )
}
