//! The table as a whole, the first checks of requests, and what `COMMAND` tells.

use std::collections::BTreeSet;

use bytes::BytesMut;

use super::{CrossSlot, Flag, Spec, answer, commands, help, lookup, resolve};
use crate::{Reply, Version};

fn request(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

fn named(name: &str) -> &'static Spec {
    lookup(name.as_bytes()).unwrap()
}

/// The answer to a `COMMAND …` request.
fn told(line: &str) -> Reply {
    let arguments = request(line);
    answer(resolve(&arguments).unwrap(), &arguments)
}

fn with_subcommands() -> impl Iterator<Item = &'static Spec> {
    commands().flat_map(|spec| std::iter::once(spec).chain(spec.subcommands))
}

#[test]
fn every_row_of_the_table_is_complete() {
    let mut names = BTreeSet::new();
    for spec in with_subcommands() {
        assert!(names.insert(spec.name), "{} stands twice", spec.name);
        assert_eq!(spec.name, spec.name.to_lowercase());
        assert!(spec.arity != 0 && spec.summary.ends_with('.') && !spec.complexity.is_empty(), "{}", spec.name);
        assert!(!(spec.is(Flag::Write) && spec.is(Flag::ReadOnly)), "{} reads and writes", spec.name);
        assert!(spec.key_range().is_none() || spec.is(Flag::Write) || spec.is(Flag::ReadOnly), "{}", spec.name);
    }
    for spec in commands() {
        let prefix = format!("{}|", spec.name);
        assert!(spec.subcommands.iter().all(|sub| sub.name.starts_with(&prefix)), "{}", spec.name);
    }
}

#[test]
fn everything_that_a_redis_user_expects_of_these_types_is_in_the_table() {
    let expected = "get set setnx setex psetex getset getdel getex mget mset msetnx append strlen getrange substr setrange \
        incr decr incrby decrby incrbyfloat del unlink exists type expire pexpire expireat pexpireat ttl pttl expiretime \
        pexpiretime persist scan keys randomkey dbsize rename renamenx touch flushall flushdb hset hget hmget hmset hsetnx \
        hdel hexists hgetall hkeys hvals hlen hincrby hincrbyfloat hstrlen hscan hrandfield ping echo hello auth quit reset \
        select client command info config time wait readonly readwrite function debug cluster";
    for name in expected.split_whitespace() {
        assert!(lookup(name.as_bytes()).is_some(), "{name}");
    }
    assert_eq!(expected.split_whitespace().count(), commands().count());
}

#[test]
fn arity_counts_the_name() {
    for (line, fits) in
        [("GET", false), ("get k", true), ("GET k l", false), ("DEL k", true), ("DEL k l m", true), ("DEL", false)]
    {
        assert_eq!(resolve(&request(line)).is_ok(), fits, "{line}");
    }
    let error = resolve(&request("GET")).unwrap_err();
    assert_eq!(error, Reply::error("ERR wrong number of arguments for 'get' command"));
}

#[test]
fn subcommands_are_resolved_below_their_command() {
    assert_eq!(resolve(&request("CONFIG get save")).unwrap().name, "config|get");
    assert_eq!(resolve(&request("command")).unwrap().name, "command");
    let arity = |name| Reply::error(format!("ERR wrong number of arguments for '{name}' command"));
    assert_eq!(resolve(&request("CONFIG")).unwrap_err(), arity("config"));
    assert_eq!(resolve(&request("CONFIG GET")).unwrap_err(), arity("config|get"));
    let unknown = resolve(&request("cluster nope")).unwrap_err();
    assert_eq!(unknown, Reply::error("ERR unknown subcommand 'nope'. Try CLUSTER HELP."));
}

#[test]
fn unknown_commands_are_told_with_the_beginning_of_their_arguments() {
    let error = resolve(&request("foo a b")).unwrap_err();
    assert_eq!(error, Reply::error("ERR unknown command 'foo', with args beginning with: 'a' 'b' "));
    let long = "x".repeat(200);
    let error = resolve(&[&long[..], &long, &long]).unwrap_err();
    let cut = "x".repeat(128);
    assert_eq!(error, Reply::error(format!("ERR unknown command '{cut}', with args beginning with: '{cut}' ")));
    assert!(resolve::<&str>(&[]).is_err());
}

#[test]
fn keys_are_found_where_they_stand() {
    let keys = |line: &str| {
        let arguments = request(line);
        let spec = resolve(&arguments).unwrap();
        spec.keys_of(&arguments).map(|(key, _)| String::from_utf8(key.to_vec()).unwrap()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(keys("GET a"), "a");
    assert_eq!(keys("SET a b EX 10"), "a");
    assert_eq!(keys("DEL a b c"), "a b c");
    assert_eq!(keys("MSET a 1 b 2"), "a b");
    assert_eq!(keys("MSET a 1 b"), "a b");
    assert_eq!(keys("RENAME a b"), "a b");
    assert_eq!(keys("PING"), "");
}

#[test]
fn a_request_has_the_slot_that_all_its_keys_share() {
    assert_eq!(named("get").slot(&request("GET foo")), Ok(Some(12182)));
    assert_eq!(named("del").slot(&request("DEL {foo}a {foo}b foo")), Ok(Some(12182)));
    assert_eq!(named("del").slot(&request("DEL foo bar")), Err(CrossSlot));
    assert_eq!(named("ping").slot(&request("PING foo")), Ok(None));
}

#[test]
fn command_info_has_the_shape_that_clients_route_by() {
    let mut out = BytesMut::new();
    told("COMMAND INFO mget").encode(Version::Resp2, &mut out);
    let expected = "*1\r\n*10\r\n$4\r\nmget\r\n:-2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:-1\r\n:1\r\n\
        *3\r\n+@read\r\n+@string\r\n+@fast\r\n*1\r\n$26\r\nrequest_policy:multi_shard\r\n\
        *1\r\n*6\r\n$5\r\nflags\r\n*2\r\n+RO\r\n+access\r\n\
        $12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n*2\r\n$5\r\nindex\r\n:1\r\n\
        $9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n\
        *6\r\n$7\r\nlastkey\r\n:-1\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n*0\r\n";
    assert_eq!(out, expected);
}

#[test]
fn command_info_tells_null_of_what_there_is_not() {
    let Reply::Array(told) = told("COMMAND INFO get nope config|get config|nope") else { panic!() };
    let nulls: Vec<bool> = told.iter().map(|reply| *reply == Reply::Null).collect();
    assert_eq!(nulls, [false, true, false, true]);
}

#[test]
fn all_commands_are_counted_listed_and_documented() {
    let count = commands().count();
    assert_eq!(told("COMMAND COUNT"), Reply::count(count));
    let lengths = ["COMMAND", "COMMAND INFO", "COMMAND DOCS", "COMMAND LIST"].map(|line| match told(line) {
        Reply::Array(elements) => elements.len(),
        Reply::Map(pairs) => pairs.len(),
        other => panic!("{line}: {other:?}"),
    });
    assert_eq!(lengths, [count, count, count, with_subcommands().count()]);
}

#[test]
fn lists_are_filtered() {
    assert_eq!(told("COMMAND LIST FILTERBY PATTERN hget*"), Reply::bulks(["hget", "hgetall"]));
    assert_eq!(told("COMMAND LIST filterby aclcat blocking"), Reply::bulks(["wait"]));
    assert_eq!(told("COMMAND LIST filterby aclcat nope"), Reply::Array(vec![]));
    assert_eq!(told("COMMAND LIST filterby module json"), Reply::Array(vec![]));
    assert_eq!(told("COMMAND LIST filterby nope x"), Reply::error("ERR syntax error"));
}

#[test]
fn docs_describe_arguments_down_to_the_last_option() {
    let Reply::Map(told) = told("COMMAND DOCS nope set") else { panic!() };
    let [(name, Reply::Map(docs))] = &told[..] else { panic!("{told:?}") };
    assert_eq!(*name, Reply::bulk("set"));
    let (_, Reply::Array(arguments)) = docs.last().unwrap() else { panic!("{docs:?}") };
    let key =
        [("name", "key"), ("type", "key"), ("display_text", "key")].map(|(name, value)| (name, Reply::bulk(value)));
    assert_eq!(arguments[0], Reply::map(key.into_iter().chain([("key_spec_index", Reply::Integer(0))])));
    assert_eq!(arguments.len(), 5);
    assert!(format!("{:?}", arguments[4]).contains("KEEPTTL"));
}

#[test]
fn getkeys_finds_the_keys_of_any_request() {
    assert_eq!(told("COMMAND GETKEYS MSET a 1 b 2"), Reply::bulks(["a", "b"]));
    let flagged = Reply::Array(vec![Reply::bulk("a"), Reply::Set(vec![Reply::simple("RM"), Reply::simple("delete")])]);
    assert_eq!(told("COMMAND GETKEYSANDFLAGS DEL a"), Reply::Array(vec![flagged]));
    for (line, error) in [
        ("COMMAND GETKEYS nope a", "ERR Invalid command specified"),
        ("COMMAND GETKEYS ping", "ERR The command has no key arguments"),
        ("COMMAND GETKEYS config get", "ERR The command has no key arguments"),
        ("COMMAND GETKEYS get", "ERR Invalid number of arguments specified for command"),
    ] {
        assert_eq!(told(line), Reply::error(error), "{line}");
    }
}

#[test]
fn help_lists_every_subcommand_with_its_arguments() {
    let Reply::Array(lines) = help(named("config")) else { panic!() };
    assert_eq!(lines[0], Reply::simple("CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    assert_eq!(lines[1], Reply::simple("GET <parameter> [<parameter> ...]"));
    assert_eq!(lines.len(), 1 + 2 * named("config").subcommands.len());
    assert_eq!(told("COMMAND HELP"), help(named("command")));
}
