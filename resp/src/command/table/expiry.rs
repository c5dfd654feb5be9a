//! The life of keys.

use super::tip;
use crate::command::argument::{Argument, integer, key, one_of, token, unix_time};
use crate::command::flags::{Category, Flag};
use crate::command::keys::{KeyFlag, KeySpec};
use crate::command::spec::{Change, Group, Spec};

const CONDITION: Argument =
    one_of("condition", &[token("nx", "NX"), token("xx", "XX"), token("gt", "GT"), token("lt", "LT")])
        .since("7.0.0")
        .optional();

const CHANGED: &[KeySpec] = &[KeySpec::at(1, &[KeyFlag::ReadWrite, KeyFlag::Update])];
const LOOKED_AT: &[KeySpec] = &[KeySpec::at(1, &[KeyFlag::ReadOnly, KeyFlag::Access])];
const KEY: &[Argument] = &[key()];

const CONDITIONS_ADDED: &[Change] = &[("7.0.0", "Takes `NX`, `XX`, `GT` and `LT`.")];
const MISSING_ADDED: &[Change] = &[("2.8.0", "Tells a key that is not there (-2) from one without expiry.")];

const fn command(name: &'static str, arity: i32, since: &'static str) -> Spec {
    Spec::new(name, arity, Group::Generic, since).categories(&[Category::Keyspace])
}

/// A command that sets a life.
const fn set(name: &'static str, arity: i32, since: &'static str) -> Spec {
    command(name, arity, since).flags(&[Flag::Write, Flag::Fast]).keys(CHANGED)
}

/// A command that tells of a life.
const fn tell(name: &'static str, since: &'static str) -> Spec {
    command(name, 2, since).flags(&[Flag::ReadOnly, Flag::Fast]).keys(LOOKED_AT).arguments(KEY)
}

pub(super) const COMMANDS: &[Spec] = &[
    set("expire", -3, "1.0.0")
        .summary("Lets a key expire in so many seconds.")
        .arguments(&[key(), integer("seconds"), CONDITION])
        .history(CONDITIONS_ADDED),
    set("expireat", -3, "1.2.0")
        .summary("Lets a key expire at a time, in seconds since 1970.")
        .arguments(&[key(), unix_time("unix-time-seconds"), CONDITION])
        .history(CONDITIONS_ADDED),
    tell("expiretime", "7.0.0")
        .summary("Returns when a key expires, in seconds since 1970; -1: never, -2: there is no such key."),
    set("persist", 2, "2.2.0").summary("Lets a key live for ever.").arguments(KEY),
    set("pexpire", -3, "2.6.0")
        .summary("Lets a key expire in so many milliseconds.")
        .arguments(&[key(), integer("milliseconds"), CONDITION])
        .history(CONDITIONS_ADDED),
    set("pexpireat", -3, "2.6.0")
        .summary("Lets a key expire at a time, in milliseconds since 1970.")
        .arguments(&[key(), unix_time("unix-time-milliseconds"), CONDITION])
        .history(CONDITIONS_ADDED),
    tell("pexpiretime", "7.0.0")
        .summary("Returns when a key expires, in milliseconds since 1970; -1: never, -2: there is no such key."),
    tell("pttl", "2.6.0")
        .summary("Returns for how many milliseconds a key still lives; -1: for ever, -2: there is no such key.")
        .tips(&[tip::ANY_OUTPUT])
        .history(MISSING_ADDED),
    tell("ttl", "1.0.0")
        .summary("Returns for how many seconds a key still lives; -1: for ever, -2: there is no such key.")
        .tips(&[tip::ANY_OUTPUT])
        .history(MISSING_ADDED),
];
