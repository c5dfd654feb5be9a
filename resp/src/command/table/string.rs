//! Strings: commands that read, and those that change a part of a value.

use super::tip;
use crate::command::argument::{Argument, double, integer, key, one_of, string, token, unix_time};
use crate::command::flags::{Category, Flag};
use crate::command::keys::{KeyFlag, KeySpec};
use crate::command::spec::{Group, Spec};

const READ: &[Flag] = &[Flag::ReadOnly];
const READ_FAST: &[Flag] = &[Flag::ReadOnly, Flag::Fast];
const WRITE: &[Flag] = &[Flag::Write, Flag::DenyOom];
const WRITE_FAST: &[Flag] = &[Flag::Write, Flag::DenyOom, Flag::Fast];
const REMOVE_FAST: &[Flag] = &[Flag::Write, Flag::Fast];

const LOOKED_AT: &[KeySpec] = &[KeySpec::at(1, &[KeyFlag::ReadOnly])];
const RETURNED: &[KeySpec] = &[KeySpec::at(1, &[KeyFlag::ReadOnly, KeyFlag::Access])];
const CHANGED: &[KeySpec] = &[KeySpec::at(1, &[KeyFlag::ReadWrite, KeyFlag::Access, KeyFlag::Update])];

const RANGE: &[Argument] = &[key(), integer("start"), integer("end")];
const LIFE: &[Argument] = &[
    integer("seconds").after("EX"),
    integer("milliseconds").after("PX"),
    unix_time("unix-time-seconds").after("EXAT"),
    unix_time("unix-time-milliseconds").after("PXAT"),
    token("persist", "PERSIST"),
];

const fn command(name: &'static str, arity: i32, since: &'static str) -> Spec {
    Spec::new(name, arity, Group::String, since).categories(&[Category::String])
}

pub(super) const COMMANDS: &[Spec] = &[
    command("append", 3, "2.0.0")
        .summary("Adds to the end of a string, which is empty if the key does not exist.")
        .complexity("O(N) with N the length of the whole string, which is rewritten.")
        .flags(WRITE_FAST)
        .keys(&[KeySpec::at(1, &[KeyFlag::ReadWrite, KeyFlag::Insert])])
        .arguments(&[key(), string("value")]),
    command("decr", 2, "1.0.0")
        .summary("Takes one from the integer at a key, which is 0 if the key does not exist.")
        .flags(WRITE_FAST)
        .keys(CHANGED)
        .arguments(&[key()]),
    command("decrby", 3, "1.0.0")
        .summary("Takes a number from the integer at a key, which is 0 if the key does not exist.")
        .flags(WRITE_FAST)
        .keys(CHANGED)
        .arguments(&[key(), integer("decrement")]),
    command("get", 2, "1.0.0")
        .summary("Returns the string at a key.")
        .flags(READ_FAST)
        .keys(RETURNED)
        .arguments(&[key()]),
    command("getdel", 2, "6.2.0")
        .summary("Returns the string at a key, and deletes the key.")
        .flags(REMOVE_FAST)
        .keys(&[KeySpec::at(1, &[KeyFlag::ReadWrite, KeyFlag::Access, KeyFlag::Delete])])
        .arguments(&[key()]),
    command("getex", -2, "6.2.0")
        .summary("Returns the string at a key, and sets or removes its expiry.")
        .flags(REMOVE_FAST)
        .keys(CHANGED)
        .arguments(&[key(), one_of("expiration", LIFE).optional()]),
    command("getrange", 4, "2.4.0")
        .summary("Returns a part of a string. Positions from its end are negative.")
        .complexity("O(N) with N the length of the whole string, which is read.")
        .flags(READ)
        .keys(RETURNED)
        .arguments(RANGE),
    command("incr", 2, "1.0.0")
        .summary("Adds one to the integer at a key, which is 0 if the key does not exist.")
        .flags(WRITE_FAST)
        .keys(CHANGED)
        .arguments(&[key()]),
    command("incrby", 3, "1.0.0")
        .summary("Adds a number to the integer at a key, which is 0 if the key does not exist.")
        .flags(WRITE_FAST)
        .keys(CHANGED)
        .arguments(&[key(), integer("increment")]),
    command("incrbyfloat", 3, "2.6.0")
        .summary("Adds a floating-point number to the one at a key, which is 0 if the key does not exist.")
        .flags(WRITE_FAST)
        .keys(CHANGED)
        .arguments(&[key(), double("increment")]),
    command("mget", -2, "1.0.0")
        .summary("Returns the strings at several keys, and null for each key without one.")
        .complexity("O(N) with N the number of keys.")
        .flags(READ_FAST)
        .keys(&[KeySpec::every(1, &[KeyFlag::ReadOnly, KeyFlag::Access])])
        .arguments(&[key().multiple()])
        .tips(&[tip::MANY_SHARDS]),
    command("setrange", 4, "2.2.0")
        .summary("Overwrites a part of a string, which is filled up with zero bytes if it is too short.")
        .complexity("O(N) with N the length of the whole string, which is rewritten.")
        .flags(WRITE)
        .keys(&[KeySpec::at(1, &[KeyFlag::ReadWrite, KeyFlag::Update])])
        .arguments(&[key(), integer("offset"), string("value")]),
    command("strlen", 2, "2.2.0")
        .summary("Returns the length of a string in bytes.")
        .flags(READ_FAST)
        .keys(LOOKED_AT)
        .arguments(&[key()]),
    command("substr", 4, "1.0.0")
        .summary("Returns a part of a string.")
        .complexity("O(N) with N the length of the whole string, which is read.")
        .flags(READ)
        .keys(RETURNED)
        .arguments(RANGE)
        .replaced("2.0.0", "`GETRANGE`"),
];
