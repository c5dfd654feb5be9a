//! The subcommands of `CLIENT`.

use super::tip;
use crate::command::argument::{Argument, integer, one_of, string, token};
use crate::command::flags::{Category, Flag};
use crate::command::spec::{Group, Spec};

const FLAGS: &[Flag] = &[Flag::NoScript, Flag::Loading, Flag::Stale];
const ON_EVERY_NODE: &[&str] = &[tip::ALL_NODES, tip::ALL_SUCCEED];

const KINDS: &[Argument] =
    &[token("normal", "NORMAL"), token("master", "MASTER"), token("replica", "REPLICA"), token("pubsub", "PUBSUB")];
const ATTRIBUTE: &[Argument] = &[string("libname").after("LIB-NAME"), string("libver").after("LIB-VER")];

const fn sub(name: &'static str, arity: i32, since: &'static str) -> Spec {
    Spec::new(name, arity, Group::Connection, since).categories(&[Category::Connection]).flags(FLAGS)
}

pub(super) const SUBCOMMANDS: &[Spec] = &[
    sub("client|getname", 2, "2.6.9").summary("Returns the name of this connection."),
    sub("client|help", 2, "5.0.0").summary("Returns this text.").flags(&[Flag::Loading, Flag::Stale]),
    sub("client|id", 2, "5.0.0").summary("Returns the number of this connection, which no other connection ever has."),
    sub("client|info", 2, "6.2.0").summary("Returns what is known of this connection.").tips(&[tip::ANY_OUTPUT]),
    sub("client|list", -2, "2.4.0")
        .summary("Returns what is known of all connections.")
        .complexity("O(N) with N the number of connections.")
        .flags(&[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale])
        .arguments(&[
            one_of("client-type", KINDS).after("TYPE").since("5.0.0").optional(),
            integer("client-id").after("ID").since("6.2.0").optional().multiple(),
        ])
        .tips(&[tip::ANY_OUTPUT])
        .history(&[
            ("2.8.12", "Tells `id`."),
            ("5.0.0", "Takes `TYPE`."),
            ("6.0.0", "Tells `user`."),
            ("6.2.0", "Takes `ID`; tells `argv-mem`, `tot-mem`, `laddr` and `redir`."),
            ("7.0.0", "Tells `resp`, `multi-mem`, `rbs` and `rbp`."),
            ("7.0.3", "Tells `ssub`."),
        ]),
    sub("client|setinfo", 4, "7.2.0")
        .summary("Tells which library, of which version, speaks on this connection.")
        .arguments(&[one_of("attr", ATTRIBUTE)])
        .tips(ON_EVERY_NODE),
    sub("client|setname", 3, "2.6.9")
        .summary("Names this connection.")
        .arguments(&[string("connection-name")])
        .tips(ON_EVERY_NODE),
];
