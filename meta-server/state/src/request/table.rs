//! Creating and dropping tables: decided here, watched over by procedures.

use std::collections::BTreeSet;

use common::rpc::{ErrorCode, WireError};
use common::types::{Gpid, Now, PartitionConfig, PeerId, SlotRange, TableId};
use uuid::Uuid;

use crate::cluster::Cluster;
use crate::creation::{create_config, retire_config};
use crate::partition::Partition;
use crate::policy::{GuardianOptions, Loads};
use crate::procedure::{CreateTable, DropTable, Procedure, Work};
use crate::record::{Identity, Record};
use crate::table::{Table, TableStatus, ValidatedTable};

impl Cluster {
    /// The live table of this name.
    ///
    /// # Errors
    /// `UnknownTable`.
    pub fn table_named(&self, name: &str) -> Result<&Table, WireError> {
        self.tables.values().find(|t| t.name == name && t.status == TableStatus::Live).ok_or_else(|| {
            WireError::new(
                ErrorCode::UnknownTable,
                format!("there is no table '{name}'"),
                "list tables with admin-cli ls; create one with admin-cli create",
            )
        })
    }

    /// A new table, with what to store for it: the procedure that watches until it is whole, its record, and one first
    /// copy of each partition, spread evenly, since that one leads.
    ///
    /// # Errors
    /// `AlreadyExists`; `NotReady` with fewer live nodes than replicas.
    pub fn create_table(
        &self,
        request: &ValidatedTable,
        id: Uuid,
        options: GuardianOptions,
        now: Now,
    ) -> Result<(Procedure, Vec<Record>), WireError> {
        let (table, mut records) = self.creating(request, options, now)?;
        let work = Work::CreateTable(CreateTable::new(table));
        let procedure = Procedure::begun(id, work, Some(CreateTable::LIMIT_MS), now.wall_ms);
        records.extend(self.outlived_procedures(1, now));
        records.push(procedure.clone().into());
        Ok((procedure, records))
    }

    fn creating(
        &self,
        request: &ValidatedTable,
        options: GuardianOptions,
        now: Now,
    ) -> Result<(TableId, Vec<Record>), WireError> {
        if let Ok(table) = self.table_named(&request.name) {
            return Err(WireError::new(
                ErrorCode::AlreadyExists,
                format!("table '{}' exists (id {})", table.name, table.id),
                "choose another name, or drop it first",
            ));
        }
        let mut loads = Loads::of(self, options.node_steady_after, now.mono);
        if loads.usable() < request.replicas as usize {
            return Err(too_few_nodes(request.replicas, loads.usable()));
        }
        let id = TableId(self.identity.next_table);
        let table = Table {
            id,
            name: request.name.clone(),
            partitions: request.partitions,
            replicas: request.replicas,
            status: TableStatus::Live,
            created_at_ms: now.wall_ms,
        };
        let identity = Identity { next_table: id.0 + 1, ..self.identity };
        let mut records = vec![Record::Identity(identity), Record::Table(table)];
        for index in 0..request.partitions {
            let first = loads.place_first(index).ok_or_else(|| too_few_nodes(request.replicas, 0))?;
            let slots = SlotRange::at_creation(index, request.partitions);
            let gpid = Gpid { table_id: id, partition_index: index };
            records.push(Partition::new(create_config(gpid, slots, request.replicas, first)).into());
        }
        Ok((id, records))
    }

    /// Drops a table, with what to store for it: nobody has a role in its partitions any more, and every copy is set aside
    /// when it is reported; the procedure watches until none is left.
    ///
    /// # Errors
    /// `UnknownTable`; `PartitionBusy` while a job has one of its partitions.
    pub fn drop_table(&self, name: &str, id: Uuid, now: Now) -> Result<(Procedure, Vec<Record>), WireError> {
        let table = self.table_named(name)?;
        let mut records = self.dropping(table, now)?;
        let work = Work::DropTable(DropTable { table: table.id, holders: self.holders_of(table.id) });
        let procedure = Procedure::begun(id, work, Some(DropTable::LIMIT_MS), now.wall_ms);
        records.extend(self.outlived_procedures(1, now));
        records.push(procedure.clone().into());
        Ok((procedure, records))
    }

    /// The nodes that may hold a copy of a table as its partitions stand: those that they name, and those that they named last.
    pub(crate) fn holders_of(&self, table: TableId) -> Vec<PeerId> {
        let named = |config: &PartitionConfig| {
            let moving = config.moving.map(|moving| moving.peer);
            config.copies().map(|copy| copy.peer).chain(moving).collect::<Vec<_>>()
        };
        let holders = self.partitions_of(table).flat_map(|p| named(&p.config).into_iter().chain(p.former.clone()));
        holders.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The records of a table that goes.
    ///
    /// # Errors
    /// `PartitionBusy` while a job has one of its partitions.
    pub(crate) fn dropping(&self, table: &Table, now: Now) -> Result<Vec<Record>, WireError> {
        let busy = self.partitions_of(table.id).find(|p| p.lock.is_some_and(|lock| self.is_held(lock, now)));
        if let Some(partition) = busy {
            return Err(WireError::new(
                ErrorCode::PartitionBusy,
                format!("partition {} is being moved", partition.config.gpid),
                "wait for the job to end, or cancel it",
            ));
        }
        let mut records = vec![Record::Table(Table { status: TableStatus::Dropped, ..table.clone() })];
        records.extend(self.partitions_of(table.id).map(|p| p.with(retire_config(&p.config), None).into()));
        Ok(records)
    }
}

fn too_few_nodes(replicas: u32, usable: usize) -> WireError {
    WireError::new(
        ErrorCode::NotReady,
        format!(
            "{replicas} replicas need {replicas} nodes with a NORMAL disk that do not come and go, and there are {usable}"
        ),
        "start more nodes, wait for those that are loading (admin-cli nodes, cluster-info), or ask for fewer replicas",
    )
}
