//! `ls`, `create`, `drop`.

use common::rpc::meta_admin::TableInfo;
use serde::Serialize;

use crate::output::{Output, table};

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "section 6 of the specification names the fields")]
pub struct TableView {
    pub table_id: u32,
    pub name: String,
    pub partitions: u32,
    pub replicas: u32,
    /// Partitions that have all their replicas.
    pub healthy: u32,
}

/// Tables.
#[derive(Clone, Debug, Serialize)]
pub struct Tables {
    /// In order of id.
    pub tables: Vec<TableView>,
}

impl From<&TableInfo> for TableView {
    fn from(info: &TableInfo) -> Self {
        Self {
            table_id: info.table_id.0,
            name: info.name.clone(),
            partitions: info.partitions,
            replicas: info.replicas,
            healthy: info.healthy,
        }
    }
}

/// A list of tables.
#[must_use]
pub fn tables(infos: &[TableInfo]) -> Output {
    let tables: Vec<TableView> = infos.iter().map(TableView::from).collect();
    let row = |t: &TableView| {
        let numbers = [t.partitions, t.replicas, t.healthy].map(|number| number.to_string());
        [t.table_id.to_string(), t.name.clone()].into_iter().chain(numbers).collect()
    };
    let text = table(&["table_id", "name", "partitions", "replicas", "healthy"], tables.iter().map(row));
    Output::new(&Tables { tables }, text)
}

#[cfg(test)]
mod tests {
    use common::types::TableId;
    use serde_json::json;

    use super::*;

    #[test]
    fn tables_have_the_fields_that_scripts_rely_on() {
        let info =
            TableInfo { table_id: TableId(1), name: "cities".to_owned(), partitions: 8, replicas: 3, healthy: 7 };
        let expected =
            json!({"tables": [{"table_id": 1, "name": "cities", "partitions": 8, "replicas": 3, "healthy": 7}]});
        assert_eq!(tables(&[info]).json, expected);
    }

    #[test]
    fn no_tables_are_an_empty_list() {
        assert_eq!(tables(&[]).json, json!({"tables": []}));
    }
}
