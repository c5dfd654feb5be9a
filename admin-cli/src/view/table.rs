//! `ls`, `create`, `drop`.

use common::rpc::meta_admin::TableInfo;
use serde::Serialize;
use uuid::Uuid;

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

/// A table that is created or dropped, and the procedure that watches over it.
#[derive(Clone, Debug, Serialize)]
struct Accepted {
    tables: Vec<TableView>,
    procedure_id: Uuid,
}

/// What `create` and `drop` answer: the table as in the list of tables, and the job to look at.
#[must_use]
pub fn accepted(info: &TableInfo, procedure_id: Uuid) -> Output {
    let listed = tables(std::slice::from_ref(info));
    let text = format!("{}\njob {procedure_id} watches over it", listed.text.trim_end());
    Output::new(&Accepted { tables: vec![info.into()], procedure_id }, text)
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
        let list = json!([{"table_id": 1, "name": "cities", "partitions": 8, "replicas": 3, "healthy": 7}]);
        assert_eq!(tables(std::slice::from_ref(&info)).json, json!({"tables": list}));
        let output = accepted(&info, Uuid::from_u128(7));
        let id = "00000000-0000-0000-0000-000000000007";
        assert_eq!(output.json, json!({"tables": list, "procedure_id": id}));
        assert!(
            output.text.contains("cities") && output.text.ends_with(&format!("job {id} watches over it")),
            "{}",
            output.text
        );
    }

    #[test]
    fn no_tables_are_an_empty_list() {
        assert_eq!(tables(&[]).json, json!({"tables": []}));
    }
}
