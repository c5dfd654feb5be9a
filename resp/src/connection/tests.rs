//! Greetings, names, and lines of connections.

use super::{Attribute, Client, Hello, Question, Who, greeting, line};
use crate::command::resolve;
use crate::{Reply, Version};

fn request(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

#[track_caller]
fn hello_refused(line: &str, error: &'static str) {
    assert_eq!(Hello::parse(&request(line)), Err(Reply::error(error)), "{line}");
}

/// What a `CLIENT …` request is taken for, or its error.
#[track_caller]
fn check(line: &str, expected: Result<Question<'_>, &'static str>) {
    let arguments = request(line);
    let question = Question::parse(resolve(&arguments).unwrap(), &arguments);
    assert_eq!(question, expected.map_err(Reply::error), "{line}");
}

#[test]
fn a_greeting_may_hold_everything_in_any_order() {
    assert_eq!(Hello::parse(&["HELLO"]), Ok(Hello::default()));
    let expected =
        Hello { version: Some(Version::Resp3), credentials: Some((b"default", b"secret")), name: Some(b"me") };
    assert_eq!(Hello::parse(&request("hello 3 auth default secret setname me")), Ok(expected));
    assert_eq!(Hello::parse(&request("HELLO 3 SETNAME me AUTH default secret")), Ok(expected));
}

#[test]
fn a_greeting_that_is_not_understood_changes_nothing() {
    hello_refused("HELLO 4", "NOPROTO unsupported protocol version");
    hello_refused("HELLO x", "ERR Protocol version is not an integer or out of range");
    hello_refused("HELLO 3 AUTH default", "ERR Syntax error in HELLO option 'AUTH'");
    hello_refused("HELLO 3 SETNAME", "ERR Syntax error in HELLO option 'SETNAME'");
    hello_refused("HELLO 3 nope", "ERR Syntax error in HELLO option 'nope'");
    hello_refused("HELLO 3 SETNAME a\nb", "ERR Client names cannot contain spaces, newlines or special characters.");
}

#[test]
fn the_server_introduces_itself_as_a_node_of_a_cluster() {
    let Reply::Map(fields) = greeting(Version::Resp3, 9) else { panic!() };
    let keys: Vec<_> = fields.iter().map(|(key, _)| key.clone()).collect();
    assert_eq!(keys, ["server", "version", "proto", "id", "mode", "role", "modules"].map(Reply::bulk));
    assert_eq!(
        [&fields[2].1, &fields[3].1, &fields[4].1],
        [&Reply::Integer(3), &Reply::Integer(9), &Reply::bulk("cluster")]
    );
}

#[test]
fn names_are_taken_if_a_list_can_show_them() {
    check("CLIENT SETNAME worker-1", Ok(Question::SetName(b"worker-1")));
    check("CLIENT SETNAME ", Ok(Question::SetName(b"")));
    check("CLIENT SETNAME a\tb", Err("ERR Client names cannot contain spaces, newlines or special characters."));
    check("CLIENT SETINFO LIB-NAME redis-py", Ok(Question::SetInfo(Attribute::LibraryName, b"redis-py")));
    check("CLIENT SETINFO lib-ver 8.0", Ok(Question::SetInfo(Attribute::LibraryVersion, b"8.0")));
    check("CLIENT SETINFO lib-ver é", Err("ERR lib-ver cannot contain spaces, newlines or special characters."));
    check("CLIENT SETINFO color red", Err("ERR Unrecognized option 'color'"));
}

#[test]
fn lists_are_of_all_of_none_or_of_those_that_are_named() {
    check("CLIENT LIST", Ok(Question::List(Who::All)));
    check("CLIENT LIST TYPE normal", Ok(Question::List(Who::All)));
    check("CLIENT LIST TYPE pubsub", Ok(Question::List(Who::Nobody)));
    check("CLIENT LIST TYPE nope", Err("ERR Unknown client type 'nope'"));
    check("CLIENT LIST ID 3 5", Ok(Question::List(Who::These(vec![3, 5]))));
    check("CLIENT LIST ID 0 -1 7", Ok(Question::List(Who::These(vec![0, 7]))));
    check("CLIENT LIST ID x", Err("ERR Invalid client ID"));
    check("CLIENT LIST ID", Err("ERR syntax error"));
    check("CLIENT LIST nope", Err("ERR syntax error"));
}

#[test]
fn a_line_splits_at_blanks_into_names_and_values() {
    let told = line(&Client {
        id: 3,
        address: "127.0.0.1:5000".parse().unwrap(),
        local_address: "[::1]:6380".parse().unwrap(),
        name: "",
        age_s: 10,
        idle_s: 0,
        readonly: true,
        unread_bytes: 0,
        unsent_bytes: 1,
        memory_bytes: 4096,
        command: "client|list",
        version: Version::Resp3,
        library_name: "redis-py",
        library_version: "8.0",
        received_bytes: 1,
        sent_bytes: 2,
        commands: 3,
    });
    let fields: Vec<(&str, &str)> = told.trim_end().split(' ').map(|field| field.split_once('=').unwrap()).collect();
    assert_eq!(&fields[..4], [("id", "3"), ("addr", "127.0.0.1:5000"), ("laddr", "[::1]:6380"), ("fd", "0")]);
    for field in
        [("name", ""), ("flags", "r"), ("events", "rw"), ("cmd", "client|list"), ("resp", "3"), ("lib-ver", "8.0")]
    {
        assert!(fields.contains(&field), "{field:?} in {told}");
    }
    assert!(told.ends_with('\n'));
}
