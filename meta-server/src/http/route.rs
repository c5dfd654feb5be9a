//! `/admin/route`: where the partitions of a table are, in the form that tools for region migration read.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Json;
use common::rpc::meta_admin::TableRoute;
use common::types::{PartitionConfig, SLOTS, SlotRange, TableId};
use serde::Serialize;
use serde_json::{Map, Value};

use super::HttpDoor;
use super::error::Answer;
use super::params::Params;
use super::peer::{AddressBook, Peer};

#[derive(Serialize)]
pub(super) struct Route {
    #[serde(rename = "type")]
    kind: &'static str,
    region_routes: Vec<RegionRoute>,
    /// Rises with every change of any of the partitions.
    version: u64,
}

#[derive(Serialize)]
struct RegionRoute {
    region: Region,
    leader_peer: Option<Peer>,
    follower_peers: Vec<Peer>,
}

#[derive(Serialize)]
struct Region {
    id: u64,
    name: &'static str,
    partition: Partition,
    attrs: Map<String, Value>,
}

#[derive(Serialize)]
struct Partition {
    column_list: [String; 0],
    /// The first slot after the region's, as a JSON text.
    value_list: [String; 1],
    slots: SlotRange,
}

pub(super) async fn route(State(door): State<HttpDoor>, uri: Uri) -> Answer<Json<Route>> {
    let table =
        Params::of(&uri, &["table_id"])?.required("table_id", "the number of a table, as /admin/tables shows it")?;
    let route = door.owner()?.ask(move |owner| owner.cluster().route_by_id(TableId(table))).await?;
    Ok(Json(view(route)))
}

fn view(route: TableRoute) -> Route {
    let book = AddressBook::new(route.nodes);
    Route {
        kind: "physical",
        region_routes: route.configs.iter().map(|config| region_route(config, &book)).collect(),
        version: route.configs.iter().map(|config| config.ballot.0).sum(),
    }
}

fn region_route(config: &PartitionConfig, book: &AddressBook) -> RegionRoute {
    let end = config.slots.end + 1;
    let bound = if end == SLOTS { "\"MaxValue\"".to_owned() } else { end.to_string() };
    let partition = Partition { column_list: [], value_list: [bound], slots: config.slots };
    RegionRoute {
        region: Region { id: config.gpid.region_id(), name: "", partition, attrs: Map::new() },
        leader_peer: config.primary.map(|member| book.peer(member.peer)),
        follower_peers: config.secondaries.iter().map(|member| book.peer(member.peer)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use common::rpc::meta_admin::TableInfo;
    use common::types::{Ballot, Gpid, Incarnation, Member, PeerId};
    use serde_json::json;

    use super::*;

    fn config(index: u32, primary: bool) -> Arc<PartitionConfig> {
        let member = |peer| Member { peer: PeerId(peer), incarnation: Incarnation(peer + 1) };
        Arc::new(PartitionConfig {
            gpid: Gpid::new(1087, index),
            slots: SlotRange::at_creation(index, 2),
            ballot: Ballot(3 + u64::from(index)),
            replica_count: 2,
            primary: primary.then(|| member(2)),
            secondaries: vec![member(0)],
            learners: vec![],
            consented: true,
            appointed: None,
            next_incarnation: Incarnation(7),
            moving: None,
        })
    }

    #[test]
    fn a_route_has_the_shape_that_tools_expect() {
        let table = TableInfo { table_id: TableId(1087), name: "t".to_owned(), partitions: 2, replicas: 2, healthy: 1 };
        let nodes = [0, 2].map(|peer| (PeerId(peer), format!("host{peer}:4001"))).to_vec();
        let route = TableRoute { table, configs: vec![config(0, true), config(1, false)], nodes };
        let region = |id: u64, bound: &str, slots: [u16; 2]| {
            json!({"id": id, "name": "", "attrs": {}, "partition": {"column_list": [], "value_list": [bound],
                "slots": {"start": slots[0], "end": slots[1]}}})
        };
        let follower = json!([{"id": 0, "addr": "host0:4001"}]);
        let expected = json!({"type": "physical", "version": 7, "region_routes": [
            {"region": region(4_668_629_450_752, "8192", [0, 8191]), "leader_peer": {"id": 2, "addr": "host2:4001"},
             "follower_peers": follower},
            {"region": region(4_668_629_450_753, "\"MaxValue\"", [8192, 16383]), "leader_peer": null,
             "follower_peers": follower}]});
        assert_eq!(serde_json::to_value(view(route)).unwrap(), expected);
    }
}
