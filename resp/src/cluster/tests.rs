//! Three nodes that lead a part each: every answer byte for byte where clients read it so.

use common::types::SlotRange;

use super::{Direction, Health, Id, Link, Node, Question, Route, Topology, answer, links, moved};
use crate::Reply;
use crate::command::{help, lookup, resolve};

fn node(number: u8) -> Node {
    Node {
        id: Id::new([number; 20]),
        shard: Id::new([number + 0xA0; 20]),
        host: "127.0.0.1".to_owned(),
        port: 6380 + u16::from(number),
        peer_port: 7380 + u16::from(number),
        health: Health::Online,
        offset: 100,
    }
}

fn route(start: u16, end: u16, primary: Option<usize>, replicas: &[usize]) -> Route {
    Route { range: SlotRange { start, end }, primary, replicas: replicas.to_vec() }
}

/// Node 0 leads two neighbouring ranges with other replicas each, node 1 two that lie apart and can be joined with nothing, node 2
/// a single slot.
fn topology() -> Topology {
    Topology {
        nodes: (0..3).map(node).collect(),
        myself: 1,
        routes: vec![
            route(0, 4095, Some(0), &[1]),
            route(4096, 8191, Some(0), &[1, 2]),
            route(8192, 9000, Some(1), &[0]),
            route(9001, 9001, Some(2), &[0, 1]),
            route(9002, 12000, Some(1), &[0]),
            route(12001, 16383, Some(1), &[0]),
        ],
        epoch: 7,
    }
}

fn asked(line: &str, topology: &Topology) -> Reply {
    let arguments: Vec<&str> = line.split(' ').collect();
    let question = Question::parse(resolve(&arguments).unwrap(), &arguments);
    question.map_or_else(|error| error, |question| answer(question, topology).unwrap())
}

fn text(reply: Reply) -> String {
    let Reply::Verbatim(text) = reply else { panic!("{reply:?}") };
    String::from_utf8(text.to_vec()).unwrap()
}

#[test]
fn slots_are_told_in_as_few_ranges_as_their_members_allow() {
    let Reply::Array(ranges) = asked("CLUSTER SLOTS", &topology()) else { panic!() };
    let bounds = ranges.iter().map(|range| match range {
        Reply::Array(range) => (range[0].clone(), range[1].clone(), range.len() - 2),
        other => panic!("{other:?}"),
    });
    let expected = [(0, 4095, 2), (4096, 8191, 3), (8192, 9000, 2), (9001, 9001, 3), (9002, 16383, 2)];
    assert_eq!(
        bounds.collect::<Vec<_>>(),
        expected.map(|(start, end, nodes)| (Reply::Integer(start), Reply::Integer(end), nodes))
    );
}

#[test]
fn slots_name_the_primary_first_with_address_port_and_id() {
    let Reply::Array(ranges) = asked("CLUSTER SLOTS", &topology()) else { panic!() };
    let member = |port, id: &str| {
        Reply::Array(vec![
            Reply::bulk("127.0.0.1"),
            Reply::Integer(port),
            Reply::bulk(id.repeat(20)),
            Reply::Map(vec![]),
        ])
    };
    let expected =
        vec![Reply::Integer(9001), Reply::Integer(9001), member(6382, "02"), member(6380, "00"), member(6381, "01")];
    assert_eq!(ranges[3], Reply::Array(expected));
}

#[test]
fn a_range_without_a_primary_is_left_out_and_makes_the_state_fail() {
    let mut topology = topology();
    topology.routes[3].primary = None;
    let Reply::Array(ranges) = asked("CLUSTER SLOTS", &topology) else { panic!() };
    assert_eq!(ranges.len(), 4);
    let info = text(asked("CLUSTER INFO", &topology));
    assert!(
        info.starts_with("cluster_state:fail\r\ncluster_slots_assigned:16384\r\ncluster_slots_ok:16383\r\n"),
        "{info}"
    );
}

#[test]
fn the_state_is_ok_while_every_slot_has_a_primary_that_answers() {
    let mut topology = topology();
    let info = text(asked("CLUSTER INFO", &topology));
    let expected = "cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_slots_ok:16384\r\ncluster_slots_pfail:0\r\n\
        cluster_slots_fail:0\r\ncluster_known_nodes:3\r\ncluster_size:3\r\ncluster_current_epoch:7\r\ncluster_my_epoch:7\r\n";
    assert_eq!(info, expected);
    topology.nodes[2].health = Health::Failed;
    assert!(text(asked("CLUSTER INFO", &topology)).starts_with("cluster_state:fail\r\n"));
    topology.nodes[2].health = Health::Online;
    topology.routes.pop();
    assert!(text(asked("CLUSTER INFO", &topology)).starts_with("cluster_state:fail\r\n"), "slots that nobody knows of");
}

#[test]
fn nodes_are_lines_with_the_ranges_that_they_lead() {
    let mut topology = topology();
    topology.nodes[2].health = Health::Failed;
    let [zero, one, two] = ["00", "01", "02"].map(|id| id.repeat(20));
    let expected = format!(
        "{zero} 127.0.0.1:6380@7380 master - 0 0 7 connected 0-8191\n\
         {one} 127.0.0.1:6381@7381 myself,master - 0 0 7 connected 8192-9000 9002-16383\n\
         {two} 127.0.0.1:6382@7382 master,fail - 0 0 7 disconnected 9001\n"
    );
    assert_eq!(text(asked("CLUSTER NODES", &topology)), expected);
}

#[test]
fn shards_list_as_replicas_only_nodes_with_all_of_their_slots() {
    let Reply::Array(shards) = asked("CLUSTER SHARDS", &topology()) else { panic!() };
    let told = shards.iter().map(|shard| {
        let Reply::Map(pairs) = shard else { panic!() };
        let [(_, Reply::Array(slots)), (_, Reply::Array(nodes))] = &pairs[..] else { panic!() };
        let member = |node: &Reply| match node {
            Reply::Map(fields) => (fields[1].1.clone(), fields[4].1.clone()),
            other => panic!("{other:?}"),
        };
        (slots.len(), nodes.iter().map(member).collect::<Vec<_>>())
    });
    let member = |port, role: &'static str| (Reply::Integer(port), Reply::bulk(role));
    let expected = [
        (2, vec![member(6380, "master"), member(6381, "replica")]),
        (4, vec![member(6380, "replica"), member(6381, "master")]),
        (2, vec![member(6380, "replica"), member(6381, "replica"), member(6382, "master")]),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[test]
fn a_node_that_leads_nothing_is_a_shard_of_its_own_without_slots() {
    let mut topology = topology();
    topology.nodes.push(node(3));
    let Reply::Array(shards) = asked("CLUSTER SHARDS", &topology) else { panic!() };
    let Reply::Map(shard) = &shards[3] else { panic!() };
    assert_eq!(shard[0].1, Reply::Array(vec![]));
    let Reply::Array(nodes) = &shard[1].1 else { panic!() };
    assert_eq!(nodes.len(), 1);
}

#[test]
fn ids_are_forty_hexadecimal_digits() {
    assert_eq!(asked("CLUSTER MYID", &topology()), Reply::bulk("01".repeat(20)));
    assert_eq!(asked("CLUSTER MYSHARDID", &topology()), Reply::bulk("a1".repeat(20)));
}

#[test]
fn questions_about_slots_are_checked_before_they_are_answered() {
    let topology = topology();
    assert_eq!(asked("CLUSTER KEYSLOT foo", &topology), Reply::Integer(12182));
    let integer = Reply::error("ERR value is not an integer or out of range");
    assert_eq!(asked("CLUSTER COUNTKEYSINSLOT x", &topology), integer);
    assert_eq!(asked("CLUSTER COUNTKEYSINSLOT 16384", &topology), Reply::error("ERR Invalid slot"));
    assert_eq!(asked("CLUSTER GETKEYSINSLOT 1 x", &topology), integer);
    assert_eq!(asked("CLUSTER GETKEYSINSLOT -1 1", &topology), Reply::error("ERR Invalid slot or number of keys"));
    assert_eq!(asked("CLUSTER GETKEYSINSLOT 1 -1", &topology), Reply::error("ERR Invalid slot or number of keys"));
    let question =
        Question::parse(resolve(&["cluster", "GetKeysInSlot", "1", "2"]).unwrap(), &["cluster", "", "1", "2"]);
    assert_eq!(question, Ok(Question::GetKeys { slot: 1, count: 2 }));
    assert_eq!(answer(Question::GetKeys { slot: 1, count: 2 }, &topology), None);
}

#[test]
fn help_links_and_redirections_have_their_shapes() {
    assert_eq!(asked("CLUSTER HELP", &topology()), help(lookup(b"cluster").unwrap()));
    assert_eq!(moved(12182, &node(1)), Reply::error("MOVED 12182 127.0.0.1:6381"));
    let link = Link { direction: Direction::From, node: Id::new([2; 20]), opened_at_ms: 5, unsent_bytes: 0 };
    let Reply::Array(told) = links(&[link]) else { panic!() };
    let expected = [
        ("direction", Reply::bulk("from")),
        ("node", Reply::bulk("02".repeat(20))),
        ("create-time", Reply::Integer(5)),
        ("events", Reply::bulk("r")),
        ("send-buffer-allocated", Reply::Integer(0)),
        ("send-buffer-used", Reply::Integer(0)),
    ];
    assert_eq!(told, [Reply::map(expected)]);
}
