//! What is printed: the JSON shapes of the lists, and the tables that people see. Pure: from answers to text.

mod alarm;
mod disk;
mod disk_plan;
mod garbage;
mod job;
mod node;
mod partition;
mod procedure;
mod rates;
mod table;

use std::collections::BTreeMap;

use common::types::PeerId;

pub use alarm::AlarmView;
pub use disk::{DiskCount, DiskCounts, DiskView, Disks, OneDisk, ReplicaView, capacities, counts, one_disk};
pub use disk_plan::{Submitted, plans};
pub use garbage::{Garbage, GarbageTotals, GarbageView, garbage};
pub use job::{JobView, Jobs, OneJob, figures};
pub use node::{Cluster, NodeView, Nodes, cluster, nodes, one_node};
pub use partition::{PartitionView, Partitions, partitions};
pub use procedure::{OneProcedure, ProcedureStepView, ProcedureView};
pub use rates::{Rates, RatesView, rates};
pub use table::{TableView, Tables, accepted, tables};

/// The address of every node. People and scripts see addresses, not peer ids.
#[derive(Clone, Debug, Default)]
pub struct AddressBook(BTreeMap<PeerId, String>);

impl AddressBook {
    /// From what the meta server says.
    pub fn new(nodes: impl IntoIterator<Item = (PeerId, String)>) -> Self {
        Self(nodes.into_iter().collect())
    }

    /// The node's address; a node that the meta server does not know is shown by its id.
    #[must_use]
    pub fn name(&self, peer: PeerId) -> String {
        self.0.get(&peer).cloned().unwrap_or_else(|| format!("peer-{peer}"))
    }
}

#[cfg(test)]
mod fixture {
    //! Answers that several tests of this module begin with.

    use common::job::{Job, JobKind, JobOutcome, JobState, JobStep, ThrottledBy};
    use common::procedure::{
        PartitionCount, ProcedureInfo, ProcedureKind, ProcedureState, ProcedureStep, ProcedureSubject,
    };
    use common::types::{Gpid, TableId};
    use uuid::Uuid;

    use super::*;

    pub(super) fn book() -> AddressBook {
        AddressBook::new((0..3).map(|i| (PeerId(i), format!("127.0.0.1:{}", 34801 + i))))
    }

    /// A region that learns on its new node.
    pub(super) fn migration() -> ProcedureInfo {
        ProcedureInfo {
            id: Uuid::from_u128(7),
            kind: ProcedureKind::RegionMigration,
            state: ProcedureState::Running,
            step: "catch_up".to_owned(),
            percent: 40,
            lag: Some(12),
            attempts: 0,
            subject: ProcedureSubject::Replica { gpid: Gpid::new(1, 3), from: PeerId(0), to: PeerId(2) },
            partitions: None,
            error: None,
            note: None,
            history: vec![ProcedureStep { step: "queued".to_owned(), at_ms: 0 }],
            write_pause_ms: None,
            bytes_done: 500,
            bytes_total: 2000,
            queued_at_ms: 0,
            started_at_ms: Some(1),
            updated_at_ms: 2,
            finished_at_ms: None,
            deadline_at_ms: Some(300_001),
        }
    }

    /// A table that comes to be.
    pub(super) fn creation() -> ProcedureInfo {
        ProcedureInfo {
            kind: ProcedureKind::CreateTable,
            step: "fill".to_owned(),
            percent: 68,
            lag: None,
            subject: ProcedureSubject::Table { table_id: TableId(4), name: "t".to_owned() },
            partitions: Some(PartitionCount { done: 3, total: 8 }),
            note: Some("waits for 4.1".to_owned()),
            bytes_done: 0,
            bytes_total: 0,
            ..migration()
        }
    }

    /// A move that is a quarter done.
    pub(super) fn job() -> Job {
        Job {
            id: Uuid::from_u128(7),
            kind: JobKind::Disk,
            subject: Gpid::new(1, 3),
            node: PeerId(0),
            source: "disk1".to_owned(),
            target: "disk2".to_owned(),
            state: JobState::Moving,
            outcome: JobOutcome::Running,
            history: vec![JobStep { state: JobState::Idle, at_ms: 0 }],
            bytes_total: 2000,
            bytes_done: 500,
            bytes_resumed: 0,
            rate_bytes_per_s: Some(1000),
            max_rate_bytes_per_s: 0,
            throttled_by: Some(ThrottledBy::NodeLimit),
            retries: 0,
            demote: true,
            was_primary: false,
            learn_kind: None,
            window_ms: None,
            write_pause_ms: None,
            purge_origin: false,
            queued_at_ms: 0,
            started_at_ms: Some(1),
            updated_at_ms: 2,
            finished_at_ms: None,
            last_error: None,
        }
    }
}
