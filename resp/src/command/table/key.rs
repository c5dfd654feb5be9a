//! Keys, whatever is stored under them.

use super::tip;
use crate::command::argument::{integer, key, pattern, second_key, string};
use crate::command::flags::{Category, Flag};
use crate::command::keys::{KeyFlag, KeySpec};
use crate::command::spec::{Group, Spec};

const READ: &[Flag] = &[Flag::ReadOnly];
const READ_FAST: &[Flag] = &[Flag::ReadOnly, Flag::Fast];
const WRITE: &[Flag] = &[Flag::Write];
const WRITE_FAST: &[Flag] = &[Flag::Write, Flag::Fast];

const LOOKED_AT: &[KeySpec] = &[KeySpec::every(1, &[KeyFlag::ReadOnly])];
const REMOVED: &[KeySpec] = &[KeySpec::every(1, &[KeyFlag::Remove, KeyFlag::Delete])];
const SOURCE: KeySpec = KeySpec::at(1, &[KeyFlag::ReadWrite, KeyFlag::Access, KeyFlag::Delete]);

const SUMMED: &[&str] = &[tip::MANY_SHARDS, tip::SUM];

const fn command(name: &'static str, arity: i32, since: &'static str) -> Spec {
    Spec::new(name, arity, Group::Generic, since).categories(&[Category::Keyspace])
}

pub(super) const COMMANDS: &[Spec] = &[
    command("del", -2, "1.0.0")
        .summary("Deletes keys, and returns how many there were.")
        .complexity("O(N) with N the number of keys, however large their values are.")
        .flags(WRITE)
        .keys(REMOVED)
        .arguments(&[key().multiple()])
        .tips(SUMMED),
    command("exists", -2, "1.0.0")
        .summary("Returns how many of the keys exist; a key named twice counts twice.")
        .complexity("O(N) with N the number of keys.")
        .flags(READ_FAST)
        .keys(LOOKED_AT)
        .arguments(&[key().multiple()])
        .tips(SUMMED)
        .history(&[("3.0.3", "Takes more than one key.")]),
    command("keys", 2, "1.0.0")
        .summary("Returns all keys that match a pattern. `SCAN` does it step by step.")
        .complexity("O(N) with N the number of keys on the node.")
        .flags(READ)
        .categories(&[Category::Keyspace, Category::Dangerous])
        .arguments(&[pattern("pattern")])
        .tips(&[tip::ALL_SHARDS, tip::ANY_ORDER]),
    command("randomkey", 1, "1.0.0")
        .summary("Returns any one of the keys.")
        .flags(READ)
        .tips(&[tip::ALL_SHARDS, tip::SPECIAL_RESPONSE, tip::ANY_OUTPUT]),
    command("rename", 3, "1.0.0")
        .summary("Gives a key another name; what had that name is lost.")
        .complexity("O(N) with N the size of the value, which is moved.")
        .flags(WRITE)
        .keys(&[SOURCE, KeySpec::at(2, &[KeyFlag::Overwrite, KeyFlag::Update])])
        .arguments(&[key(), second_key("newkey")]),
    command("renamenx", 3, "1.0.0")
        .summary("Gives a key another name if no key has that name.")
        .complexity("O(N) with N the size of the value, which is moved.")
        .flags(WRITE_FAST)
        .keys(&[SOURCE, KeySpec::at(2, &[KeyFlag::Overwrite, KeyFlag::Insert])])
        .arguments(&[key(), second_key("newkey")])
        .history(&[("3.2.0", "A key may be given its own name.")]),
    command("scan", -2, "2.8.0")
        .summary("Returns some keys, and the cursor from where to go on; a cursor of 0 begins and ends.")
        .complexity("O(1) for each call, O(N) for all of them with N the number of keys on the node.")
        .flags(READ)
        .arguments(&[
            integer("cursor"),
            pattern("pattern").after("MATCH").optional(),
            integer("count").after("COUNT").optional(),
            string("type").after("TYPE").since("6.0.0").optional(),
        ])
        .tips(&[tip::ANY_OUTPUT, tip::SPECIAL_REQUEST, tip::SPECIAL_RESPONSE])
        .history(&[("6.0.0", "Takes `TYPE`.")]),
    command("touch", -2, "3.2.1")
        .summary("Returns how many of the keys exist.")
        .complexity("O(N) with N the number of keys.")
        .flags(READ_FAST)
        .keys(LOOKED_AT)
        .arguments(&[key().multiple()])
        .tips(SUMMED),
    command("type", 2, "1.0.0")
        .summary("Returns the type of what is stored at a key.")
        .flags(READ_FAST)
        .keys(&[KeySpec::at(1, &[KeyFlag::ReadOnly])])
        .arguments(&[key()]),
    command("unlink", -2, "4.0.0")
        .summary("Deletes keys as `DEL` does: their space is always reclaimed in the background.")
        .complexity("O(N) with N the number of keys, however large their values are.")
        .flags(WRITE_FAST)
        .keys(REMOVED)
        .arguments(&[key().multiple()])
        .tips(SUMMED),
    command("wait", 3, "3.0.0")
        .summary("Waits until the writes of this connection are durable on so many replicas, and returns on how many they are.")
        .flags(&[Flag::Blocking])
        .categories(&[Category::Connection])
        .arguments(&[integer("numreplicas"), integer("timeout")])
        .tips(&[tip::ALL_SHARDS, tip::MINIMUM]),
];
