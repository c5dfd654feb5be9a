//! A bounded, seeded run of what the fuzz target does without an end.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test")]

mod check;

use std::cell::{Cell, RefCell};
use std::fmt::Write;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

const CASES: u32 = 20_000;

/// Arguments as clients send them, and others.
fn argument() -> impl Strategy<Value = Vec<u8>> {
    let word = select(vec!["GET", "set", "k", "MSET", "CONFIG", "", "12", "-1", "a b", "\"", "\r\n"]);
    prop_oneof![word.prop_map(|word| word.as_bytes().to_vec()), proptest::collection::vec(any::<u8>(), 0..20)]
}

/// A request in the usual form.
fn request() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(argument(), 0..12).prop_map(|arguments| {
        let mut bytes = format!("*{}\r\n", arguments.len()).into_bytes();
        for argument in arguments {
            bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
            bytes.extend_from_slice(&argument);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes
    })
}

/// Pieces of the protocol in any order.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = select(vec![
        "*",
        "$",
        "1",
        "2",
        "3",
        "-",
        "0",
        "17",
        "257",
        "\r",
        "\n",
        "\r\n",
        " ",
        "PING",
        "get",
        "\"",
        "'",
        "\\",
        "\\x41",
        "*1\r\n$4\r\n",
        "99999999999999999999",
        "\0",
    ]);
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat().into_bytes())
}

/// Requests and pieces one after the other, and perhaps one byte changed.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![4 => request(), 1 => pieces()];
    let change = proptest::option::of((any::<prop::sample::Index>(), any::<u8>()));
    (proptest::collection::vec(part, 0..5), change).prop_map(|(parts, change)| {
        let mut stream = parts.concat();
        if let Some((index, byte)) = change.filter(|_| !stream.is_empty()) {
            let at = index.index(stream.len());
            stream[at] = byte;
        }
        stream
    })
}

/// The errors that streams can end with; those before authentication are limits, and have their own tests.
const ERRORS: [&str; 7] = [
    "Protocol error: invalid multibulk length",
    "Protocol error: invalid bulk length",
    "Protocol error: expected",
    "Protocol error: bulk string is not followed by CR LF",
    "Protocol error: too big request",
    "Protocol error: too big inline request",
    "Protocol error: unbalanced quotes in request",
];

#[test]
fn any_stream_is_read_alike_however_it_is_cut() {
    let config = ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let (requests, errors) = (Cell::new(0), RefCell::new(String::new()));
    let checked = |stream: Vec<u8>| {
        let reading = check::any_stream(&stream);
        requests.set(requests.get() + reading.requests.len());
        reading.end.map_or_else(|error| writeln!(errors.borrow_mut(), "{error}").unwrap(), |_| ());
        Ok(())
    };
    runner.run(&stream(), checked).unwrap();
    assert!(requests.get() > CASES as usize, "{requests:?} requests were found");
    let errors = errors.into_inner();
    assert_eq!(ERRORS.iter().filter(|error| !errors.contains(**error)).collect::<Vec<_>>(), [&""; 0], "never seen");
}
