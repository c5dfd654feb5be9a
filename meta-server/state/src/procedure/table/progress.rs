//! How far a table's procedure is: which partitions are as its step wants them, and what the others wait for.

use common::procedure::PartitionCount;
use common::types::{Now, ReplicaStatus};

use super::{At, CreateStep, NAMED_MAX};
use crate::cluster::Cluster;
use crate::partition::Partition;
use crate::procedure::{Procedure, Work};

/// What a step of a creation wants of every partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Its primary has said that it leads.
    Led,
    /// And it has all its members.
    Whole,
}

impl Wanted {
    const fn words(self) -> &'static str {
        match self {
            Self::Led => "are led",
            Self::Whole => "have all their members",
        }
    }
}

impl At<'_> {
    fn has(&self, partition: &Partition, wanted: Wanted) -> bool {
        let config = &partition.config;
        let leads = config.primary.is_some_and(|primary| {
            let report = self.cluster.vitals(primary.peer, self.now.mono).and_then(|v| v.replicas.get(&config.gpid));
            report.is_some_and(|r| r.incarnation == primary.incarnation && r.status == ReplicaStatus::Primary)
        });
        leads && (wanted == Wanted::Led || config.is_healthy())
    }

    pub(super) fn is_complete(&self, wanted: Wanted) -> bool {
        self.cluster.partitions_of(self.table.id).all(|partition| self.has(partition, wanted))
    }

    fn done(&self, wanted: Wanted) -> usize {
        self.cluster.partitions_of(self.table.id).filter(|partition| self.has(partition, wanted)).count()
    }

    /// How many partitions lack something, and what the first of them lack, in words.
    pub(super) fn shortfall(&self, wanted: Wanted) -> String {
        let (done, total, name) = (self.done(wanted), self.table.partitions, &self.table.name);
        let lacking = self.cluster.partitions_of(self.table.id).filter(|partition| !self.has(partition, wanted));
        let first: Vec<String> = lacking.take(NAMED_MAX).map(|partition| self.lacks(partition)).collect();
        format!("{done} of {total} partitions of table '{name}' {}: {}", wanted.words(), first.join("; "))
    }

    fn lacks(&self, partition: &Partition) -> String {
        let reasons = self.cluster.reasons(partition, self.now);
        let why = if reasons.is_empty() {
            "its primary has not said yet that it leads".to_owned()
        } else {
            reasons.join(", ")
        };
        format!("{} ({why})", partition.config.gpid)
    }

    /// Partitions of a dropped table that no node reports any more.
    fn freed(&self) -> usize {
        let held = self.cluster.partitions_held(self.table, self.now.mono);
        (self.table.partitions as usize).saturating_sub(held)
    }
}

/// How many partitions are as the present step wants them; `None` for what concerns no table.
pub(in crate::procedure) fn partition_count(
    cluster: &Cluster,
    procedure: &Procedure,
    now: Now,
) -> Option<PartitionCount> {
    let at = At::of(cluster, procedure, procedure.work.table()?, now)?;
    let done = match &procedure.work {
        Work::CreateTable(create) => match create.step {
            CreateStep::Lead => at.done(Wanted::Led),
            CreateStep::Fill => at.done(Wanted::Whole),
            CreateStep::Rollback => at.freed(),
        },
        Work::DropTable(_) => at.freed(),
        Work::RegionMigration(_) | Work::Rebuild(_) => return None,
    };
    Some(PartitionCount { done: u32::try_from(done).unwrap_or(u32::MAX), total: at.table.partitions })
}

/// What an open procedure of a table waits for, in words; `None` if it concerns no table, or waits for nothing.
pub(in crate::procedure) fn waits_for(cluster: &Cluster, procedure: &Procedure, now: Now) -> Option<String> {
    let at = At::of(cluster, procedure, procedure.work.table()?, now)?;
    let holders = match &procedure.work {
        Work::CreateTable(create) => match create.step {
            CreateStep::Lead if procedure.cancel => {
                return cluster.dropping(at.table, now).err().map(|busy| busy.message);
            }
            CreateStep::Lead => return Some(at.shortfall(Wanted::Led)),
            CreateStep::Fill => return Some(at.shortfall(Wanted::Whole)),
            CreateStep::Rollback => &create.holders,
        },
        Work::DropTable(drop) => &drop.holders,
        Work::RegionMigration(_) | Work::Rebuild(_) => return None,
    };
    let left = at.may_hold(holders);
    (!left.is_empty()).then(|| at.left_behind(&left))
}
