//! `table/<id>`: a table.

use common::types::TableId;

pub(super) const KIND: &str = "table";

pub(super) fn name(id: TableId) -> String {
    format!("{KIND}/{:010}", id.0)
}

#[cfg(test)]
mod tests {
    use meta_state::{Record, Table, TableStatus};
    use proptest::prelude::*;

    use super::super::assert_round_trip;
    use super::*;

    proptest! {
        #[test]
        fn a_table_survives_the_store(id: u32, name: String, partitions: u32, live: bool, created_at_ms: u64) {
            let status = if live { TableStatus::Live } else { TableStatus::Dropped };
            assert_round_trip(Record::Table(Table { id: TableId(id), name, partitions, replicas: 3, status, created_at_ms }));
        }
    }
}
