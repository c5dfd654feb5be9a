//! What `COMMAND DOCS` tells.

use std::collections::BTreeMap;

use redis_protocol::resp2::types::{OwnedFrame, Resp2Frame};

use crate::here::{all, answered};
use crate::server::Server;

/// Newer than Redis 7.0, or told otherwise since.
const NEWER: [&str; 10] = [
    "psetex",
    "setex",
    "setnx",
    "client|list",
    "client|setinfo",
    "quit",
    "command|getkeys",
    "command|getkeysandflags",
    "config|get",
    "cluster|myshardid",
];
/// In words of our own, and what it costs here.
const OWN: [&str; 2] = ["summary", "complexity"];

/// Keys and values.
fn fields(frame: OwnedFrame) -> BTreeMap<String, OwnedFrame> {
    let OwnedFrame::Array(elements) = frame else { panic!("{frame:?} is no map") };
    elements.chunks_exact(2).map(|pair| (pair[0].as_str().unwrap().to_owned(), pair[1].clone())).collect()
}

/// What is told of one command, without what is told in other words.
fn documented(frame: OwnedFrame) -> Option<BTreeMap<String, String>> {
    let (_name, told) = fields(frame).pop_first()?;
    let told = fields(told).into_iter().filter(|(key, _)| !OWN.contains(&key.as_str()) && key != "subcommands");
    let plain = |(key, value): (String, OwnedFrame)| {
        let value = match key.as_str() {
            "arguments" => arguments(value),
            "history" => versions(value),
            _ => text(&value),
        };
        (key, value)
    };
    Some(told.map(plain).collect())
}

/// Since when there was something new; what that was is told in other words.
fn versions(frame: OwnedFrame) -> String {
    let OwnedFrame::Array(changes) = frame else { panic!("{frame:?} is no list") };
    let version = |change| if let OwnedFrame::Array(pair) = change { text(&pair[0]) } else { panic!("{change:?}") };
    changes.into_iter().map(version).collect::<Vec<_>>().join(", ")
}

/// The names of groups of arguments, and what is displayed of all of them, changed after 7.0.
fn arguments(frame: OwnedFrame) -> String {
    let OwnedFrame::Array(arguments) = frame else { panic!("{frame:?} is no list") };
    let told = |argument| {
        let mut told = fields(argument);
        let parts = told.remove("arguments").map(self::arguments);
        told.remove("display_text");
        if parts.is_some() {
            told.remove("name");
        }
        let told: Vec<String> = told.iter().map(|(key, value)| format!("{key}: {}", text(value))).collect();
        format!("{} {}", told.join(", "), parts.unwrap_or_default())
    };
    format!("[{}]", arguments.into_iter().map(told).collect::<Vec<_>>().join("; "))
}

fn text(frame: &OwnedFrame) -> String {
    match frame {
        OwnedFrame::Array(elements) => format!("[{}]", elements.iter().map(text).collect::<Vec<_>>().join(", ")),
        OwnedFrame::BulkString(bytes) => format!("'{}'", bytes.escape_ascii()),
        other => other.to_string().unwrap(),
    }
}

#[test]
fn commands_are_documented_as_a_real_server_documents_them() {
    let server = Server::start();
    let mut connection = server.connect();
    let mut different = vec![];
    for spec in all() {
        let request = ["COMMAND", "DOCS", spec.name];
        connection.request(&request);
        let (there, here) = (documented(connection.frame()), documented(answered(&request)));
        if there != here {
            eprintln!("{}\n  there {there:#?}\n  here  {here:#?}", spec.name);
            different.push(spec.name);
        }
    }
    assert_eq!(different, NEWER);
}
