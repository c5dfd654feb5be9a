//! Sections of `INFO`, parameters of `CONFIG`, and the replies for test suites.

use super::config::{Assignment, Kind, Parameter, get, set};
use super::{Section, Sections, info, protocol};
use crate::Reply;

fn request(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

fn parameters() -> Vec<Parameter> {
    let parameter = |name, value: &str, kind| Parameter { name, value: value.to_owned(), kind };
    vec![
        parameter("save", "", Kind::Text),
        parameter("port", "6379", Kind::Fixed),
        parameter("maxclients", "10000", Kind::Integer(1, 100_000)),
        parameter("maxmemory", "0", Kind::Bytes(0)),
        parameter("proto-max-bulk-len", "16777216", Kind::Bytes(1024 * 1024)),
        parameter("appendonly", "yes", Kind::Flag),
    ]
}

#[track_caller]
fn refused(line: &str, error: &'static str) {
    assert_eq!(set(&parameters(), &request(line)), Err(Reply::error(error)), "{line}");
}

#[test]
fn sections_are_told_that_were_asked_for() {
    let asked =
        |line: &str| ["server", "keyspace", "commandstats"].map(|name| Sections::parse(&request(line)).include(name));
    assert_eq!(asked("INFO"), [true, true, false]);
    assert_eq!(asked("INFO all"), [true, true, true]);
    assert_eq!(asked("INFO Everything"), [true, true, true]);
    assert_eq!(asked("INFO keyspace COMMANDSTATS"), [false, true, true]);
    assert_eq!(asked("INFO nope"), [false, false, false]);
}

#[test]
fn sections_are_lines_below_a_title() {
    let section = |title, name| Section { title, lines: vec![(name, "1".to_owned())] };
    let text = info(&[section("Server", "a"), section("Clients", "b")]);
    assert_eq!(text, Reply::verbatim("# Server\r\na:1\r\n\r\n# Clients\r\nb:1\r\n"));
    assert_eq!(info(&[]), Reply::verbatim(""));
}

#[test]
fn parameters_are_found_by_patterns_and_told_once() {
    let told = |line: &str| match get(&parameters(), &request(line)) {
        Reply::Map(pairs) => pairs.into_iter().map(|(name, _)| name).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(told("CONFIG GET max* MAXMEMORY save"), ["save", "maxclients", "maxmemory"].map(Reply::bulk));
    assert_eq!(told("CONFIG GET nope"), []);
    assert_eq!(told("CONFIG GET *").len(), parameters().len());
}

#[test]
fn changes_are_all_read_before_any_is_made() {
    let expected = [("maxclients", "500"), ("maxmemory", "104857600"), ("appendonly", "no"), ("save", "")];
    let expected: Vec<_> = expected.map(|(name, value)| Assignment { name, value: value.to_owned() }).into();
    let line = request("CONFIG SET MaxClients 500 maxmemory 100mb appendonly NO save ");
    assert_eq!(set(&parameters(), &line), Ok(expected));
}

#[test]
fn impossible_changes_are_refused_with_their_reason() {
    let failed =
        |name: &str, why: &str| format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {why}");
    refused("CONFIG SET maxclients", "ERR syntax error");
    refused("CONFIG SET nope 1", "ERR Unknown option or number of arguments for CONFIG SET - 'nope'");
    for (line, name, why) in [
        ("CONFIG SET port 1", "port", "can't set immutable config"),
        ("CONFIG SET save a save b", "save", "duplicate parameter"),
        ("CONFIG SET maxclients x", "maxclients", "argument couldn't be parsed into an integer"),
        ("CONFIG SET maxclients 0", "maxclients", "argument must be between 1 and 100000 inclusive"),
        ("CONFIG SET appendonly maybe", "appendonly", "argument must be 'yes' or 'no'"),
        ("CONFIG SET maxmemory 1tb", "maxmemory", "argument must be a memory value"),
        ("CONFIG SET maxmemory 99999999999gb", "maxmemory", "argument must be a memory value"),
        ("CONFIG SET proto-max-bulk-len 1kb", "proto-max-bulk-len", "argument must be at least 1048576 bytes"),
    ] {
        assert_eq!(set(&parameters(), &request(line)), Err(Reply::error(failed(name, why))), "{line}");
    }
}

#[test]
fn there_is_one_reply_of_each_kind_for_test_suites() {
    let kinds = "string integer double bignum null array set map verbatim true false";
    assert!(kinds.split(' ').all(|kind| !protocol(kind.as_bytes()).is_error()));
    assert!(protocol(b"nope").is_error());
}
