//! Strings: commands that replace a whole value.

use super::tip;
use crate::command::argument::{Argument, block, integer, key, one_of, string, token, unix_time};
use crate::command::flags::{Category, Flag};
use crate::command::keys::{KeyFlag, KeySpec};
use crate::command::spec::{Group, Spec};

const WRITE: &[Flag] = &[Flag::Write, Flag::DenyOom];
const WRITE_FAST: &[Flag] = &[Flag::Write, Flag::DenyOom, Flag::Fast];

const REPLACED: &[KeySpec] = &[KeySpec::at(1, &[KeyFlag::Overwrite, KeyFlag::Update])];
const PAIRS: &[Argument] = &[key(), string("value")];
const CONDITION: &[Argument] = &[token("nx", "NX"), token("xx", "XX")];
const LIFE: &[Argument] = &[
    integer("seconds").after("EX").since("2.6.12"),
    integer("milliseconds").after("PX").since("2.6.12"),
    unix_time("unix-time-seconds").after("EXAT").since("6.2.0"),
    unix_time("unix-time-milliseconds").after("PXAT").since("6.2.0"),
    token("keepttl", "KEEPTTL").since("6.0.0"),
];

const fn command(name: &'static str, arity: i32, since: &'static str) -> Spec {
    Spec::new(name, arity, Group::String, since).categories(&[Category::String])
}

pub(super) const COMMANDS: &[Spec] = &[
    command("getset", 3, "1.0.0")
        .summary("Replaces the string at a key, and returns what was there before.")
        .flags(WRITE_FAST)
        .keys(&[KeySpec::at(1, &[KeyFlag::ReadWrite, KeyFlag::Access, KeyFlag::Update])])
        .arguments(PAIRS)
        .replaced("6.2.0", "`SET` with the `!GET` argument"),
    command("mset", -3, "1.0.1")
        .summary("Sets several keys to strings, all at once.")
        .complexity("O(N) with N the number of keys.")
        .flags(WRITE)
        .keys(&[KeySpec::every(2, &[KeyFlag::Overwrite, KeyFlag::Update])])
        .arguments(&[block("data", PAIRS).multiple()])
        .tips(&[tip::MANY_SHARDS, tip::ALL_SUCCEED]),
    command("msetnx", -3, "1.0.1")
        .summary("Sets several keys to strings, all at once, if none of them exists.")
        .complexity("O(N) with N the number of keys.")
        .flags(WRITE)
        .keys(&[KeySpec::every(2, &[KeyFlag::Overwrite, KeyFlag::Insert])])
        .arguments(&[block("data", PAIRS).multiple()]),
    command("psetex", 4, "2.6.0")
        .summary("Sets a key to a string that lives for some milliseconds.")
        .flags(WRITE)
        .keys(REPLACED)
        .arguments(&[key(), integer("milliseconds"), string("value")])
        .replaced("2.6.12", "`SET` with the `PX` argument"),
    command("set", -3, "1.0.0")
        .summary("Sets a key to a string, whatever was there before.")
        .flags(WRITE)
        .keys(&[KeySpec::at(1, &[KeyFlag::ReadWrite, KeyFlag::Access, KeyFlag::Update, KeyFlag::Variable])])
        .arguments(&[
            key(),
            string("value"),
            one_of("condition", CONDITION).since("2.6.12").optional(),
            token("get", "GET").since("6.2.0").optional(),
            one_of("expiration", LIFE).optional(),
        ])
        .history(&[
            ("2.6.12", "Takes `EX`, `PX`, `NX` and `XX`."),
            ("6.0.0", "Takes `KEEPTTL`."),
            ("6.2.0", "Takes `GET`, `EXAT` and `PXAT`."),
            ("7.0.0", "Takes `GET` beside `NX`."),
        ]),
    command("setex", 4, "2.0.0")
        .summary("Sets a key to a string that lives for some seconds.")
        .flags(WRITE)
        .keys(REPLACED)
        .arguments(&[key(), integer("seconds"), string("value")])
        .replaced("2.6.12", "`SET` with the `EX` argument"),
    command("setnx", 3, "1.0.0")
        .summary("Sets a key to a string if the key does not exist.")
        .flags(WRITE_FAST)
        .keys(&[KeySpec::at(1, &[KeyFlag::Overwrite, KeyFlag::Insert])])
        .arguments(PAIRS)
        .replaced("2.6.12", "`SET` with the `NX` argument"),
];
