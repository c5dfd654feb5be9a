//! What a server and its operators may rely on beyond the meaning of the commands.

use std::collections::BTreeSet;

use bytes::Bytes;
use common::types::{Value, encode_key};
use redis_data::{Command, Parsed};
use resp::{Reply, Version};

use crate::START_MS;
use crate::support::node::Node;
use crate::support::records::{Cost, in_rounds};

fn command(request: &[&str]) -> Command {
    let request: Vec<_> = request.iter().map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
    let Ok(Parsed::Command(command)) = redis_data::parse(&request) else { panic!("{request:?}") };
    command
}

fn cost(node: &mut Node, request: &[&str]) -> Cost {
    let ctx = node.ctx();
    in_rounds(&command(request), &mut node.records, &ctx).1
}

fn node_with_hash(fields: usize) -> Node {
    let mut node = Node::new(START_MS);
    for number in 0..fields {
        node.say(&["HSET", "{t}h", &format!("f{number}"), "v"]);
    }
    node
}

fn error(text: &str) -> Reply {
    Reply::error(text.to_owned())
}

#[test]
fn a_command_takes_no_more_rounds_than_what_it_reads_depends_on() {
    let mut node = node_with_hash(300);
    let rounds = |record_rounds, page_rounds| Cost { record_rounds, page_rounds };
    assert_eq!(cost(&mut node, &["SET", "s", "v"]), rounds(0, 0));
    assert_eq!(cost(&mut node, &["MSET", "a", "1", "b", "2"]), rounds(0, 0));
    assert_eq!(cost(&mut node, &["GET", "s"]), rounds(1, 0));
    assert_eq!(cost(&mut node, &["MGET", "a", "b", "c"]), rounds(1, 0));
    assert_eq!(cost(&mut node, &["DEL", "a", "{t}h"]), rounds(1, 0));
    assert_eq!(cost(&mut node, &["HLEN", "{t}h"]), rounds(1, 0));
    assert_eq!(cost(&mut node, &["HMGET", "{t}h", "f1", "f2", "no"]), rounds(2, 0));
    assert_eq!(cost(&mut node, &["HSET", "{t}h", "f1", "1", "f2", "2"]), rounds(2, 0));
    assert_eq!(cost(&mut node, &["HSET", "new", "f1", "1"]), rounds(1, 0));
}

#[test]
fn a_hash_of_any_size_is_deleted_or_overwritten_or_expired_by_one_write() {
    for request in [&["DEL", "{t}h"][..], &["SET", "{t}h", "v"], &["EXPIRE", "{t}h", "10"], &["EXPIRE", "{t}h", "-1"]] {
        let mut node = node_with_hash(500);
        let ctx = node.ctx();
        let done = command(request).evaluate(&mut node.records, &ctx).unwrap();
        assert_eq!(done.writes.len(), 1, "{request:?}");
    }
}

#[test]
fn a_hash_that_comes_back_has_none_of_its_earlier_fields() {
    let mut node = node_with_hash(10);
    node.say(&["DEL", "{t}h"]);
    assert_eq!(node.say(&["HSET", "{t}h", "f3", "new"]), Reply::Integer(1));
    assert_eq!(node.say(&["HGETALL", "{t}h"]), Reply::map([("f3", Reply::bulk("new"))]));
    assert_eq!((node.records.fields(), node.say(&["HGET", "{t}h", "f4"])), (11, Reply::Null));
}

#[test]
fn only_hashes_of_moderate_size_are_renamed() {
    let too_many = error("ERR a hash of more than 10000 fields or 1048576 bytes cannot be renamed");
    let mut node = node_with_hash(10_001);
    assert_eq!(node.say(&["RENAME", "{t}h", "{t}g"]), too_many);
    assert_eq!(node.say(&["RENAME", "{t}h", "{t}h"]), Reply::ok(), "nothing is copied");
    node.say(&["SET", "{t}s", "v"]);
    assert_eq!(node.say(&["RENAMENX", "{t}h", "{t}s"]), Reply::Integer(0), "nothing is copied");
    node.say(&["HDEL", "{t}h", "f0"]);
    assert_eq!(node.say(&["RENAME", "{t}h", "{t}g"]), Reply::ok());
    assert_eq!(
        (node.say(&["HLEN", "{t}g"]), node.say(&["EXISTS", "{t}h"])),
        (Reply::Integer(10_000), Reply::Integer(0))
    );
    node.say(&["HSET", "{t}g", "large", &"x".repeat(1 << 20)]);
    node.say(&["HDEL", "{t}g", "f1"]);
    assert_eq!(node.say(&["RENAME", "{t}g", "{t}h"]), too_many);
}

#[test]
fn a_hash_of_which_fields_are_lost_is_not_renamed_to_less() {
    let mut node = node_with_hash(3);
    let field = node.records.0.keys().nth(2).unwrap().clone();
    node.records.0.remove(&field);
    let told = error("ERR not all fields of '{t}h' were found: try again, and report it if that does not help");
    assert_eq!((node.say(&["RENAME", "{t}h", "{t}g"]), node.say(&["EXISTS", "{t}h"])), (told, Reply::Integer(1)));
}

#[test]
fn what_is_too_large_is_refused_and_nothing_of_it_is_stored() {
    let mut node = Node::new(START_MS);
    node.value_bytes_max = 100;
    let too_large = error("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    let (fits, large) = ("x".repeat(100), "x".repeat(101));
    node.say(&["SET", "k", &fits]);
    for request in [
        &["SET", "k", &large][..],
        &["MSET", "a", "1", "b", &large],
        &["APPEND", "k", "x"],
        &["SETRANGE", "k", "100", "x"],
        &["SETRANGE", "new", "1000", "x"],
        &["HSET", "h", "f", "v", "g", &large],
    ] {
        assert_eq!(node.say(request), too_large, "{request:?}");
    }
    assert_eq!((node.say(&["DBSIZE"]), node.say(&["GET", "k"])), (Reply::Integer(1), Reply::bulk(fits)));
}

#[test]
fn keys_and_fields_that_fit_into_no_record_are_refused() {
    let mut node = Node::new(START_MS);
    let (key, field) = ("k".repeat(65_535), "f".repeat(65_522));
    assert_eq!(node.say(&["HSET", &key, &field, "v"]), Reply::Integer(1));
    assert_eq!(node.say(&["HGET", &key, &field]), Reply::bulk("v"));
    let told = error("ERR a key part of 65536 bytes is longer than 65535 bytes");
    assert_eq!(node.say(&["GET", &(key.clone() + "k")]), told);
    let told = error("ERR a hash field of 65523 bytes is longer than 65522 bytes");
    assert_eq!(node.say(&["HGET", &key, &(field + "f")]), told);
}

#[test]
fn records_of_the_rust_client_with_a_sort_key_are_not_seen() {
    let mut node = node_with_hash(3);
    for (hash_key, sort_key) in
        [(&b"{t}h"[..], &b"x"[..]), (b"{t}h", b"\x01"), (b"other", b"sort"), (b"{t}h", b"\x01123456789012")]
    {
        let stored = Value::bytes(Bytes::from("v"), None).encode();
        node.records.0.insert(encode_key(hash_key, sort_key).unwrap(), stored);
    }
    assert_eq!(node.say(&["DBSIZE"]), Reply::Integer(1));
    assert_eq!(node.say(&["EXISTS", "other"]), Reply::Integer(0));
    assert_eq!(node.say(&["KEYS", "*"]), Reply::bulks(["{t}h"]));
    let Reply::Map(pairs) = node.say(&["HGETALL", "{t}h"]) else { panic!("a map") };
    assert_eq!(pairs.len(), 3);
    node.records.compact(u64::MAX);
    assert_eq!(node.records.0.len(), 8, "a compaction leaves them alone");
}

#[test]
fn a_record_that_cannot_be_read_is_said_to_be_so() {
    let mut node = Node::new(START_MS);
    node.records.0.insert(encode_key(b"k", b"").unwrap(), Bytes::from_static(b"\x01\xc8\0\0\0\0\0\0\0\0payload"));
    let told = error("ERR the record of key 'k' cannot be read: newer format or damage");
    assert_eq!((node.say(&["GET", "k"]), node.say(&["TYPE", "k"])), (told.clone(), told));
    assert_eq!(node.say(&["SET", "k", "v"]), Reply::ok());
}

/// The fields of a reply to HRANDFIELD.
fn fields(reply: Reply) -> Vec<Bytes> {
    let Reply::Array(elements) = reply else { panic!("{reply:?}") };
    let bulk = |element| if let Reply::Bulk(bulk) = element { bulk } else { panic!("{element:?}") };
    elements.into_iter().map(bulk).collect()
}

#[test]
fn random_fields_of_a_small_hash_are_equally_likely() {
    let mut node = node_with_hash(10);
    let mut hits = std::collections::BTreeMap::<Bytes, u32>::new();
    for _ in 0..500 {
        for field in fields(node.say(&["HRANDFIELD", "{t}h", "-10"])) {
            *hits.entry(field).or_default() += 1;
        }
        let distinct = fields(node.say(&["HRANDFIELD", "{t}h", "7"]));
        assert_eq!(distinct.iter().collect::<BTreeSet<_>>().len(), 7);
    }
    assert!(hits.len() == 10 && hits.values().all(|count| (400..600).contains(count)), "{hits:?}");
}

#[test]
fn random_fields_of_a_large_hash_come_from_everywhere_without_reading_it() {
    let mut node = node_with_hash(20_000);
    let mut seen = BTreeSet::new();
    for _ in 0..100 {
        let distinct = fields(node.say(&["HRANDFIELD", "{t}h", "20"]));
        assert_eq!(distinct.iter().collect::<BTreeSet<_>>().len(), 20);
        seen.extend(distinct);
    }
    assert!(seen.len() > 1800, "{}", seen.len());
    assert_eq!(fields(node.say(&["HRANDFIELD", "{t}h", "19999"])).len(), 19_999);
    assert!(cost(&mut node, &["HRANDFIELD", "{t}h"]).page_rounds <= 2);
}

#[test]
fn random_fields_with_values_are_nested_in_the_newer_protocol_only() {
    let mut node = node_with_hash(1);
    let request = ["HRANDFIELD", "{t}h", "1", "WITHVALUES"];
    assert_eq!(node.say(&request), Reply::bulks(["f0", "v"]));
    node.protocol = Version::Resp3;
    assert_eq!(node.say(&request), Reply::Array(vec![Reply::bulks(["f0", "v"])]));
}

#[test]
fn every_key_is_a_random_key_sooner_or_later() {
    let mut node = Node::new(START_MS);
    assert_eq!(node.say(&["RANDOMKEY"]), Reply::Null);
    let names: BTreeSet<_> = (0..20).map(|number| format!("{{t}}{number}")).collect();
    names.iter().for_each(|name| drop(node.say(&["SET", name, "v"])));
    let mut told = BTreeSet::new();
    for _ in 0..500 {
        let Reply::Bulk(key) = node.say(&["RANDOMKEY"]) else { panic!("there are keys") };
        told.insert(String::from_utf8(key.to_vec()).unwrap());
    }
    assert_eq!(told, names);
}

/// Every data command of the table is understood here, and nothing else is.
#[test]
fn the_table_of_commands_and_this_crate_agree() {
    use resp::command::{Group, commands};
    let elsewhere = ["flushall", "flushdb", "wait"];
    for spec in commands().filter(|spec| matches!(spec.group, Group::Generic | Group::String | Group::Hash)) {
        let count = spec.arity.unsigned_abs() as usize;
        let mut request = vec![Bytes::from(spec.name)];
        request.extend((1..count).map(|_| Bytes::from("1")));
        let told = redis_data::parse(&request);
        let unknown = matches!(&told, Err(Reply::Error(text)) if text.starts_with(b"ERR unknown command"));
        assert_eq!(unknown, elsewhere.contains(&spec.name), "{}: {told:?}", spec.name);
    }
}
