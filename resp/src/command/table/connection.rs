//! The connection itself.

use super::{client, tip};
use crate::command::argument::{Argument, block, integer, string};
use crate::command::flags::{Category, Flag};
use crate::command::spec::{Group, Spec};

/// Allowed before authentication.
const OPEN: &[Flag] = &[Flag::NoScript, Flag::Loading, Flag::Stale, Flag::Fast, Flag::NoAuth, Flag::AllowBusy];
const ALWAYS: &[Flag] = &[Flag::Loading, Flag::Stale, Flag::Fast];

const CREDENTIALS: &[Argument] = &[string("username"), string("password")];
const GREETING: &[Argument] = &[
    integer("protover"),
    block("auth", CREDENTIALS).after("AUTH").optional(),
    string("clientname").after("SETNAME").optional(),
];

const fn command(name: &'static str, arity: i32, since: &'static str) -> Spec {
    Spec::new(name, arity, Group::Connection, since).categories(&[Category::Connection])
}

pub(super) const COMMANDS: &[Spec] = &[
    command("auth", -2, "1.0.0")
        .summary("Authenticates the connection.")
        .flags(OPEN)
        .arguments(&[string("username").since("6.0.0").optional(), string("password")])
        .history(&[("6.0.0", "Takes a name before the password.")]),
    Spec::new("client", -2, Group::Connection, "2.4.0")
        .summary("Tells of connections, and names them.")
        .complexity("Depends on the subcommand.")
        .subcommands(client::SUBCOMMANDS),
    command("echo", 2, "1.0.0").summary("Returns what it is given.").flags(ALWAYS).arguments(&[string("message")]),
    command("hello", -1, "6.0.0")
        .summary("Chooses the version of the protocol, and tells of the server.")
        .flags(OPEN)
        .arguments(&[block("arguments", GREETING).optional()])
        .history(&[("6.2.0", "Without a version it tells of the connection.")]),
    command("ping", -1, "1.0.0")
        .summary("Returns PONG, or what it is given.")
        .flags(&[Flag::Fast])
        .arguments(&[string("message").optional()])
        .tips(&[tip::ALL_SHARDS, tip::ALL_SUCCEED]),
    command("quit", -1, "1.0.0")
        .summary("Closes the connection once everything is answered.")
        .flags(OPEN)
        .replaced("7.2.0", "just closing the connection"),
    command("reset", 1, "6.2.0").summary("Puts the connection back to how it began.").flags(OPEN),
    command("select", 2, "1.0.0")
        .summary("Chooses a database, of which there is one: 0.")
        .flags(ALWAYS)
        .arguments(&[integer("index")]),
];
