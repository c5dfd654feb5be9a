//! What `COMMAND INFO` tells.

use redis_protocol::resp2::types::{OwnedFrame, Resp2Frame};
use resp::command::Spec;

use crate::here::{all, answered};
use crate::server::Server;

/// Newer than Redis 7.0, or told otherwise since.
const NEWER: [&str; 14] = [
    "msetnx",
    "randomkey",
    "scan",
    "wait",
    "client|setinfo",
    "client|setname",
    "command|getkeys",
    "command|getkeysandflags",
    "cluster|info",
    "cluster|myid",
    "cluster|myshardid",
    "cluster|nodes",
    "cluster|shards",
    "cluster|slots",
];

/// Name, arity, flags, keys, categories, tips, key specifications; without subcommands, of which there are fewer here.
fn described(frame: OwnedFrame) -> Option<Vec<OwnedFrame>> {
    let OwnedFrame::Array(commands) = frame else { panic!("COMMAND INFO returns an array") };
    let [OwnedFrame::Array(fields)] = &commands[..] else { return None };
    Some(fields[..9].iter().cloned().map(comparable).collect())
}

/// Sets of texts have no order, and notes to people are told in other words or not at all.
fn comparable(frame: OwnedFrame) -> OwnedFrame {
    let OwnedFrame::Array(mut elements) = frame else { return frame };
    if elements.first().and_then(OwnedFrame::as_bytes) == Some(b"notes") {
        elements.drain(..2);
    }
    if elements.iter().all(|element| matches!(element, OwnedFrame::SimpleString(_) | OwnedFrame::BulkString(_))) {
        elements.sort_by_key(|element| element.as_bytes().map(<[u8]>::to_vec));
    }
    OwnedFrame::Array(elements.into_iter().map(comparable).collect())
}

fn here(spec: &Spec) -> Option<Vec<OwnedFrame>> {
    described(answered(&["COMMAND", "INFO", spec.name]))
}

#[test]
fn commands_are_described_as_a_real_server_describes_them() {
    let server = Server::start();
    let mut connection = server.connect();
    for spec in all() {
        connection.request(&["COMMAND", "INFO", spec.name]);
        let there = described(connection.frame());
        if NEWER.contains(&spec.name) {
            assert_ne!(there, here(spec), "{} is no exception", spec.name);
        } else {
            assert_eq!(there, here(spec), "{}", spec.name);
        }
    }
}
