//! Creating and dropping tables.

use common::rpc::{ErrorCode, WireError};
use common::types::{Gpid, Now, SlotRange, TableId};

use crate::cluster::Cluster;
use crate::creation::{create_config, retire_config};
use crate::partition::Partition;
use crate::policy::{GuardianOptions, Loads};
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

    /// A new table: its record, and one first copy of each partition, spread evenly, since that one leads.
    ///
    /// # Errors
    /// `AlreadyExists`; `NotReady` with fewer live nodes than replicas.
    pub fn create_table(
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

    /// Drops a table: nobody has a role in its partitions any more, and every copy is set aside when it is reported.
    ///
    /// # Errors
    /// `UnknownTable`; `PartitionBusy` while a job has one of its partitions.
    pub fn drop_table(&self, name: &str, now: Now) -> Result<(TableId, Vec<Record>), WireError> {
        let table = self.table_named(name)?;
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
        Ok((table.id, records))
    }
}

fn too_few_nodes(replicas: u32, usable: usize) -> WireError {
    WireError::new(
        ErrorCode::NotReady,
        format!(
            "{replicas} replicas need {replicas} nodes with a NORMAL disk that do not come and go, and there are {usable}"
        ),
        "start more nodes (admin-cli nodes, cluster-info), or ask for fewer replicas",
    )
}
