//! `cluster-info` and `nodes`.

use common::rpc::meta_admin::{ClusterInfo, NodeInfo};
use common::rpc::meta_node::DiskReport;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::AddressBook;
use super::alarm::{self, AlarmView};
use crate::output::{Output, table};
use crate::time::rfc3339;

/// A node.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "section 6 of the specification names the fields")]
pub struct NodeView {
    pub peer_id: u64,
    pub address: String,
    /// Where Redis clients reach it.
    pub resp: Option<String>,
    /// `ALIVE` or `DEAD`.
    pub status: &'static str,
    /// It has opened all its replicas since it started; before that it is given none.
    pub loaded: bool,
    pub replicas: u32,
    pub primaries: u32,
    pub secondaries: u32,
    pub disks: Vec<DiskReport>,
    /// Its replicas are to leave it.
    pub draining: bool,
    /// Why some of them cannot.
    pub drain_blocked: Option<String>,
}

/// All nodes.
#[derive(Clone, Debug, Serialize)]
pub struct Nodes {
    /// In order of peer id.
    pub nodes: Vec<NodeView>,
}

/// The cluster with its nodes.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "counts named as in ClusterInfo")]
pub struct Cluster {
    pub cluster: Uuid,
    pub tables: u32,
    pub partitions: u32,
    pub healthy: u32,
    pub maintenance: bool,
    /// Since when it is on.
    pub maintenance_since: Option<String>,
    /// What does not get well by itself, the most urgent first.
    pub alarms: Vec<AlarmView>,
    /// How many there are, of which very many are not all shown.
    pub alarms_total: u32,
    pub nodes: Vec<NodeView>,
}

fn view(node: &NodeInfo) -> NodeView {
    NodeView {
        peer_id: node.peer_id.0,
        address: node.address.clone(),
        resp: node.resp.clone(),
        status: if node.alive { "ALIVE" } else { "DEAD" },
        loaded: node.loaded,
        replicas: node.replicas,
        primaries: node.primaries,
        secondaries: node.secondaries,
        disks: node.disks.clone(),
        draining: node.draining,
        drain_blocked: node.drain_blocked.clone(),
    }
}

fn text(nodes: &[NodeView]) -> String {
    let header = ["peer_id", "address", "status", "replicas", "primaries", "secondaries", "disks"];
    let row = |node: &NodeView| {
        let disks: Vec<String> = node.disks.iter().map(|disk| disk.disk.clone()).collect();
        vec![
            node.peer_id.to_string(),
            node.address.clone(),
            status(node),
            node.replicas.to_string(),
            node.primaries.to_string(),
            node.secondaries.to_string(),
            disks.join(","),
        ]
    };
    table(&header, nodes.iter().map(row))
}

fn status(node: &NodeView) -> String {
    let state = match (node.status, node.loaded) {
        ("ALIVE", false) => "ALIVE, loading",
        (status, _) => status,
    };
    if node.draining { format!("{state}, draining") } else { state.to_owned() }
}

/// `nodes`.
#[must_use]
pub fn nodes(info: &ClusterInfo) -> Output {
    let nodes: Vec<NodeView> = info.nodes.iter().map(view).collect();
    let text = text(&nodes);
    Output::new(&Nodes { nodes }, text)
}

/// One node, and what happened to it.
#[must_use]
pub fn one_node(node: &NodeInfo, text: String) -> Output {
    let node = view(node);
    Output::new(&json!({ "node": node }), text)
}

/// `cluster-info`.
#[must_use]
pub fn cluster(info: &ClusterInfo) -> Output {
    let nodes: Vec<NodeView> = info.nodes.iter().map(view).collect();
    let maintenance_since = info.maintenance_since_ms.map(rfc3339);
    let on = maintenance_since.as_ref().map(|since| format!("\nmaintenance since {since}"));
    let book = AddressBook::new(info.nodes.iter().map(|node| (node.peer_id, node.address.clone())));
    let alarms: Vec<AlarmView> = info.alarms.iter().map(|alarm| alarm::view(alarm, &book)).collect();
    let facts = format!(
        "cluster     {}\ntables      {}\npartitions  {}, of them healthy {}{}\nalarms      {}\n\n{}",
        info.cluster,
        info.tables,
        info.partitions,
        info.healthy,
        on.unwrap_or_default(),
        alarm::text(&alarms, info.alarms_total),
        text(&nodes)
    );
    let ClusterInfo { cluster, tables, partitions, healthy, alarms_total, .. } = *info;
    let maintenance = maintenance_since.is_some();
    let view =
        Cluster { cluster, tables, partitions, healthy, maintenance, maintenance_since, alarms, alarms_total, nodes };
    Output::new(&view, facts)
}

#[cfg(test)]
mod tests {
    use common::alarm::{Alarm, AlarmKind, AlarmSubject};
    use common::rpc::node_admin::DiskStatus;
    use common::types::PeerId;

    use super::*;

    fn info() -> ClusterInfo {
        let disk = DiskReport {
            disk: "disk1".to_owned(),
            status: DiskStatus::Normal,
            capacity_bytes: 9,
            available_bytes: 4,
            draining: false,
        };
        let node = NodeInfo {
            peer_id: PeerId(0),
            address: "127.0.0.1:34801".to_owned(),
            resp: Some("127.0.0.1:6379".to_owned()),
            alive: true,
            loaded: true,
            replicas: 3,
            primaries: 1,
            secondaries: 2,
            learners: 0,
            silent_ms: Some(300),
            disks: vec![disk],
            draining: false,
            drain_blocked: None,
        };
        ClusterInfo {
            cluster: Uuid::nil(),
            nodes: vec![node],
            tables: 1,
            partitions: 3,
            healthy: 2,
            maintenance_since_ms: None,
            alarms: vec![],
            alarms_total: 0,
        }
    }

    #[test]
    fn nodes_have_the_fields_that_scripts_rely_on() {
        let expected = json!({"nodes": [{
            "peer_id": 0, "address": "127.0.0.1:34801", "resp": "127.0.0.1:6379", "status": "ALIVE", "loaded": true, "replicas": 3, "primaries": 1,
            "secondaries": 2, "disks": [
                {"disk": "disk1", "status": "NORMAL", "capacity_bytes": 9, "available_bytes": 4,
                 "draining": false}], "draining": false, "drain_blocked": null}]});
        assert_eq!(nodes(&info()).json, expected);
    }

    #[test]
    fn a_node_that_loads_its_replicas_or_is_drained_says_so() {
        let shown = |alive, loaded, draining| {
            let node = NodeInfo { alive, loaded, draining, ..info().nodes.remove(0) };
            status(&view(&node))
        };
        assert_eq!(shown(true, true, false), "ALIVE");
        assert_eq!(shown(true, false, false), "ALIVE, loading");
        assert_eq!(shown(true, false, true), "ALIVE, loading, draining");
        assert_eq!(shown(false, false, true), "DEAD, draining");
    }

    #[test]
    fn cluster_info_adds_counts_to_the_nodes() {
        let output = cluster(&info());
        assert_eq!(output.json["nodes"], nodes(&info()).json["nodes"]);
        assert_eq!((output.json["partitions"].clone(), output.json["healthy"].clone()), (json!(3), json!(2)));
        assert!(output.text.contains("127.0.0.1:34801"), "{}", output.text);
    }

    #[test]
    fn alarms_are_shown_with_what_to_do() {
        let none = cluster(&info());
        assert_eq!((&none.json["alarms"], &none.json["alarms_total"]), (&json!([]), &json!(0)));
        assert!(none.text.contains("alarms      none"), "{}", none.text);
        let alarm = Alarm {
            kind: AlarmKind::NodeUnsteady,
            subject: AlarmSubject::Node(PeerId(0)),
            since_ms: Some(0),
            count: Some(3),
            message: "it comes and goes".to_owned(),
            hint: "find out why".to_owned(),
        };
        let some = cluster(&ClusterInfo { alarms: vec![alarm], alarms_total: 1, ..info() });
        let expected = json!([{
            "kind": "node_unsteady", "gpid": null, "node": "127.0.0.1:34801", "since": "1970-01-01T00:00:00.000Z",
            "count": 3, "message": "it comes and goes", "hint": "find out why"}]);
        assert_eq!(some.json["alarms"], expected);
        for part in ["alarms      1\n", "node_unsteady since 1970-01-01", "it comes and goes", "hint: find out why"] {
            assert!(some.text.contains(part), "{}", some.text);
        }
    }

    #[test]
    fn maintenance_mode_is_shown_with_its_beginning() {
        let off = cluster(&info());
        assert_eq!((&off.json["maintenance"], &off.json["maintenance_since"]), (&json!(false), &json!(null)));
        let on = cluster(&ClusterInfo { maintenance_since_ms: Some(0), ..info() });
        assert_eq!(on.json["maintenance_since"], json!("1970-01-01T00:00:00.000Z"));
        assert!(on.text.contains("maintenance since 1970") && !off.text.contains("maintenance"), "{}", on.text);
    }
}
