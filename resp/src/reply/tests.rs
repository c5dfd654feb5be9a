//! Every kind of reply in both versions, byte by byte. Against another parser they are held in `tests/round_trip.rs`.

use bytes::BytesMut;

use super::{Reply, Version};

#[track_caller]
fn check(reply: &Reply, resp2: &str, resp3: &str) {
    for (version, expected) in [(Version::Resp2, resp2), (Version::Resp3, resp3)] {
        let mut out = BytesMut::new();
        reply.encode(version, &mut out);
        assert_eq!(out.escape_ascii().to_string(), expected.as_bytes().escape_ascii().to_string(), "{version:?}");
    }
}

#[test]
fn texts_numbers_and_bulks_are_the_same_in_both_versions() {
    for (reply, expected) in [
        (Reply::ok(), "+OK\r\n"),
        (Reply::error("ERR syntax error"), "-ERR syntax error\r\n"),
        (Reply::Integer(-7), ":-7\r\n"),
        (Reply::Integer(9), ":9\r\n"),
        (Reply::Integer(10), ":10\r\n"),
        (Reply::Integer(99), ":99\r\n"),
        (Reply::Integer(100), ":100\r\n"),
        (Reply::Integer(i64::MIN), ":-9223372036854775808\r\n"),
        (Reply::bulk("a\r\nb"), "$4\r\na\r\nb\r\n"),
        (Reply::bulk(""), "$0\r\n\r\n"),
        (Reply::bulks(["a", "b"]), "*2\r\n$1\r\na\r\n$1\r\nb\r\n"),
        (Reply::Array(vec![]), "*0\r\n"),
    ] {
        check(&reply, expected, expected);
    }
}

#[test]
fn nothing_has_a_spelling_of_its_own_in_each_version() {
    check(&Reply::Null, "$-1\r\n", "_\r\n");
    check(&Reply::bulk_or_null(None::<&str>), "$-1\r\n", "_\r\n");
}

#[test]
fn what_resp2_does_not_know_becomes_what_it_knows() {
    let map = Reply::map([("a", Reply::Integer(1)), ("b", Reply::Null)]);
    check(&map, "*4\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n$-1\r\n", "%2\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n_\r\n");
    check(&Reply::Set(vec![Reply::simple("x")]), "*1\r\n+x\r\n", "~1\r\n+x\r\n");
    check(&Reply::Double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n");
    check(&Reply::Boolean(true), ":1\r\n", "#t\r\n");
    check(&Reply::Boolean(false), ":0\r\n", "#f\r\n");
    check(&Reply::BigNumber("123".into()), "$3\r\n123\r\n", "(123\r\n");
    check(&Reply::verbatim("text"), "$4\r\ntext\r\n", "=8\r\ntxt:text\r\n");
}

#[test]
fn line_ends_within_an_error_cannot_forge_a_second_reply() {
    let error = "-ERR unknown command 'a  +OK  '\r\n";
    check(&Reply::error("ERR unknown command 'a\r\n+OK\r\n'"), error, error);
}

#[test]
fn a_reply_is_appended_to_what_waits() {
    let mut out = BytesMut::from("+OK\r\n");
    Reply::count(3_usize).encode(Version::Resp2, &mut out);
    assert_eq!(out, "+OK\r\n:3\r\n");
    assert_eq!(Reply::count(u64::MAX), Reply::Integer(i64::MAX));
}
