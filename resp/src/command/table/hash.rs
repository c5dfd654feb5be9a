//! Hashes: fields and their values under one key.

use super::tip;
use crate::command::argument::{Argument, block, double, integer, key, pattern, string, token};
use crate::command::flags::{Category, Flag};
use crate::command::keys::{KeyFlag, KeySpec};
use crate::command::spec::{Group, Spec};

const READ: &[Flag] = &[Flag::ReadOnly];
const READ_FAST: &[Flag] = &[Flag::ReadOnly, Flag::Fast];
const WRITE_FAST: &[Flag] = &[Flag::Write, Flag::DenyOom, Flag::Fast];

const LOOKED_AT: &[KeySpec] = &[KeySpec::at(1, &[KeyFlag::ReadOnly])];
const RETURNED: &[KeySpec] = &[KeySpec::at(1, &[KeyFlag::ReadOnly, KeyFlag::Access])];
const UPDATED: &[KeySpec] = &[KeySpec::at(1, &[KeyFlag::ReadWrite, KeyFlag::Update])];
const ADDED_TO: &[KeySpec] = &[KeySpec::at(1, &[KeyFlag::ReadWrite, KeyFlag::Access, KeyFlag::Update])];

const KEY: &[Argument] = &[key()];
const FIELD: &[Argument] = &[key(), string("field")];
const FIELDS: &[Argument] = &[key(), string("field").multiple()];
const PAIRS: &[Argument] = &[key(), block("data", &[string("field"), string("value")]).multiple()];
const RANDOM: &[Argument] = &[integer("count"), token("withvalues", "WITHVALUES").optional()];

const PER_FIELD: &str = "O(N) with N the number of fields that are named.";
const WHOLE: &str = "O(N) with N the number of fields in the hash.";

const fn command(name: &'static str, arity: i32, since: &'static str) -> Spec {
    Spec::new(name, arity, Group::Hash, since).categories(&[Category::Hash])
}

/// A command that returns the hash as a whole.
const fn whole(name: &'static str) -> Spec {
    command(name, 2, "2.0.0").complexity(WHOLE).flags(READ).keys(RETURNED).arguments(KEY).tips(&[tip::ANY_ORDER])
}

pub(super) const COMMANDS: &[Spec] = &[
    command("hdel", -3, "2.0.0")
        .summary("Deletes fields, and the hash with its last one; returns how many there were.")
        .complexity(PER_FIELD)
        .flags(&[Flag::Write, Flag::Fast])
        .keys(&[KeySpec::at(1, &[KeyFlag::ReadWrite, KeyFlag::Delete])])
        .arguments(FIELDS)
        .history(&[("2.4.0", "Takes more than one field.")]),
    command("hexists", 3, "2.0.0")
        .summary("Returns whether a field exists.")
        .flags(READ_FAST)
        .keys(LOOKED_AT)
        .arguments(FIELD),
    command("hget", 3, "2.0.0")
        .summary("Returns the value of a field.")
        .flags(READ_FAST)
        .keys(RETURNED)
        .arguments(FIELD),
    whole("hgetall").summary("Returns all fields with their values."),
    command("hincrby", 4, "2.0.0")
        .summary("Adds a number to the integer in a field, which is 0 if the field does not exist.")
        .flags(WRITE_FAST)
        .keys(ADDED_TO)
        .arguments(&[key(), string("field"), integer("increment")]),
    command("hincrbyfloat", 4, "2.6.0")
        .summary("Adds a floating-point number to the one in a field, which is 0 if the field does not exist.")
        .flags(WRITE_FAST)
        .keys(ADDED_TO)
        .arguments(&[key(), string("field"), double("increment")]),
    whole("hkeys").summary("Returns the names of all fields."),
    command("hlen", 2, "2.0.0")
        .summary("Returns how many fields there are.")
        .flags(READ_FAST)
        .keys(LOOKED_AT)
        .arguments(KEY),
    command("hmget", -3, "2.0.0")
        .summary("Returns the values of several fields, and null for each that does not exist.")
        .complexity(PER_FIELD)
        .flags(READ_FAST)
        .keys(RETURNED)
        .arguments(FIELDS),
    command("hmset", -4, "2.0.0")
        .summary("Sets fields to values.")
        .complexity(PER_FIELD)
        .flags(WRITE_FAST)
        .keys(UPDATED)
        .arguments(PAIRS)
        .replaced("4.0.0", "`HSET` with multiple field-value pairs"),
    command("hrandfield", -2, "6.2.0")
        .summary("Returns fields picked at random.")
        .complexity(WHOLE)
        .flags(READ)
        .keys(RETURNED)
        .arguments(&[key(), block("options", RANDOM).optional()])
        .tips(&[tip::ANY_OUTPUT]),
    command("hscan", -3, "2.8.0")
        .summary("Returns some fields with their values, and the cursor from where to go on.")
        .complexity("O(1) for each call, O(N) for all of them with N the number of fields.")
        .flags(READ)
        .keys(RETURNED)
        .arguments(&[
            key(),
            integer("cursor"),
            pattern("pattern").after("MATCH").optional(),
            integer("count").after("COUNT").optional(),
        ])
        .tips(&[tip::ANY_OUTPUT]),
    command("hset", -4, "2.0.0")
        .summary("Sets fields to values, and returns how many of them are new.")
        .complexity(PER_FIELD)
        .flags(WRITE_FAST)
        .keys(UPDATED)
        .arguments(PAIRS)
        .history(&[("4.0.0", "Takes more than one field with its value.")]),
    command("hsetnx", 4, "2.0.0")
        .summary("Sets a field to a value if the field does not exist.")
        .flags(WRITE_FAST)
        .keys(&[KeySpec::at(1, &[KeyFlag::ReadWrite, KeyFlag::Insert])])
        .arguments(&[key(), string("field"), string("value")]),
    command("hstrlen", 3, "3.2.0")
        .summary("Returns the length of a field's value in bytes.")
        .flags(READ_FAST)
        .keys(LOOKED_AT)
        .arguments(FIELD),
    whole("hvals").summary("Returns the values of all fields."),
];
