//! `app T -d`.

use common::rpc::meta_admin::TableRoute;
use common::types::{Member, PartitionConfig};
use serde::Serialize;

use super::AddressBook;
use crate::output::{Output, or_dash, table};

/// A partition.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "section 6 of the specification names the fields")]
pub struct PartitionView {
    pub gpid: String,
    /// First and last slot owned, `0-2047`.
    pub slots: String,
    pub ballot: u64,
    pub primary: Option<String>,
    pub secondaries: Vec<String>,
    pub learners: Vec<String>,
    pub healthy: bool,
}

/// Partitions of a table.
#[derive(Clone, Debug, Serialize)]
pub struct Partitions {
    /// In order of index.
    pub partitions: Vec<PartitionView>,
}

fn view(config: &PartitionConfig, book: &AddressBook) -> PartitionView {
    let names = |members: &[Member]| members.iter().map(|member| book.name(member.peer)).collect();
    PartitionView {
        gpid: config.gpid.to_string(),
        slots: config.slots.to_string(),
        ballot: config.ballot.0,
        primary: config.primary.map(|member| book.name(member.peer)),
        secondaries: names(&config.secondaries),
        learners: names(&config.learners),
        healthy: config.is_healthy(),
    }
}

/// The partitions of a table.
#[must_use]
pub fn partitions(route: &TableRoute) -> Output {
    let book = AddressBook::new(route.nodes.clone());
    let partitions: Vec<PartitionView> = route.configs.iter().map(|config| view(config, &book)).collect();
    let row = |p: &PartitionView| {
        vec![
            p.gpid.clone(),
            p.slots.clone(),
            p.ballot.to_string(),
            or_dash(p.primary.as_ref()),
            p.secondaries.join(","),
            p.learners.join(","),
            p.healthy.to_string(),
        ]
    };
    let header = ["gpid", "slots", "ballot", "primary", "secondaries", "learners", "healthy"];
    let text = table(&header, partitions.iter().map(row));
    Output::new(&Partitions { partitions }, text)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use common::rpc::meta_admin::TableInfo;
    use common::types::{Ballot, Gpid, Incarnation, PeerId, SlotRange, TableId};
    use serde_json::json;

    use super::*;

    fn route(primary: Option<Member>) -> TableRoute {
        let member = |peer| Member { peer: PeerId(peer), incarnation: Incarnation(peer + 1) };
        let config = PartitionConfig {
            gpid: Gpid::new(1, 0),
            slots: SlotRange::at_creation(0, 8),
            ballot: Ballot(4),
            replica_count: 3,
            primary,
            secondaries: vec![member(1), member(9)],
            learners: vec![],
            consented: true,
            appointed: None,
            next_incarnation: Incarnation(7),
            moving: None,
        };
        let table = TableInfo { table_id: TableId(1), name: "t".to_owned(), partitions: 1, replicas: 3, healthy: 0 };
        let nodes = (0..2).map(|i| (PeerId(i), format!("127.0.0.1:{}", 34801 + i))).collect();
        TableRoute { table, configs: vec![Arc::new(config)], nodes }
    }

    #[test]
    fn partitions_have_the_fields_that_scripts_rely_on() {
        let primary = Member { peer: PeerId(0), incarnation: Incarnation(1) };
        let expected = json!({"partitions": [{
            "gpid": "1.0", "slots": "0-2047", "ballot": 4, "primary": "127.0.0.1:34801",
            "secondaries": ["127.0.0.1:34802", "peer-9"], "learners": [], "healthy": true}]});
        assert_eq!(partitions(&route(Some(primary))).json, expected);
    }

    #[test]
    fn a_partition_without_a_primary_says_null() {
        let output = partitions(&route(None));
        assert_eq!(output.json["partitions"][0]["primary"], json!(null));
        assert_eq!(output.json["partitions"][0]["healthy"], json!(false));
    }
}
