//! The server as a whole.

use super::tip;
use crate::command::argument::{Argument, block, one_of, pattern, string, token};
use crate::command::flags::{Category, Flag};
use crate::command::spec::{Group, Spec};

const ALWAYS: &[Flag] = &[Flag::Loading, Flag::Stale];
const OPERATOR: &[Flag] = &[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale];
const EVERYWHERE: &[&str] = &[tip::ALL_SHARDS, tip::ALL_SUCCEED];
const SUBCOMMAND: &str = "Depends on the subcommand.";

const FLUSH: &[Argument] =
    &[one_of("flush-type", &[token("async", "ASYNC").since("4.0.0"), token("sync", "SYNC").since("6.2.0")]).optional()];
/// Younger than both words.
const FLUSH_FUNCTIONS: &[Argument] =
    &[one_of("flush-type", &[token("async", "ASYNC"), token("sync", "SYNC")]).optional()];
const FILTER: &[Argument] =
    &[string("module-name").after("MODULE"), string("category").after("ACLCAT"), pattern("pattern").after("PATTERN")];
const COMMAND_LINE: &[Argument] = &[string("command"), string("arg").optional().multiple()];
const COMMAND_NAMES: &[Argument] = &[string("command-name").optional().multiple()];
const ASSIGNMENTS: &[Argument] = &[block("data", &[string("parameter"), string("value")]).multiple()];

const fn command(name: &'static str, arity: i32, since: &'static str) -> Spec {
    Spec::new(name, arity, Group::Server, since)
}

/// A subcommand of `COMMAND`.
const fn about(name: &'static str, arity: i32, since: &'static str) -> Spec {
    command(name, arity, since).categories(&[Category::Connection]).flags(ALWAYS)
}

pub(super) const COMMANDS: &[Spec] = &[
    about("command", -1, "2.8.13")
        .summary("Returns what is known of all commands.")
        .complexity("O(N) with N the number of commands.")
        .tips(&[tip::ANY_ORDER])
        .subcommands(ABOUT_COMMANDS),
    command("config", -2, "2.0.0")
        .summary("Returns and changes settings of this node.")
        .complexity(SUBCOMMAND)
        .subcommands(CONFIG),
    command("dbsize", 1, "1.0.0")
        .summary("Returns how many keys the node serves.")
        .complexity("O(N) with N the number of keys on the node.")
        .flags(&[Flag::ReadOnly, Flag::Fast])
        .categories(&[Category::Keyspace])
        .tips(&[tip::ALL_SHARDS, tip::SUM]),
    command("debug", -2, "1.0.0")
        .summary("Serves test suites; off unless the settings allow it.")
        .complexity(SUBCOMMAND)
        .flags(OPERATOR)
        .internal(),
    flush("flushall").summary("Deletes all keys that the node serves."),
    flush("flushdb").summary("Deletes all keys that the node serves."),
    Spec::new("function", -2, Group::Scripting, "7.0.0")
        .summary("Serves test suites: there are no functions.")
        .complexity(SUBCOMMAND)
        .subcommands(FUNCTION),
    command("info", -1, "1.0.0")
        .summary("Returns figures of this node.")
        .flags(ALWAYS)
        .categories(&[Category::Dangerous])
        .arguments(&[string("section").optional().multiple()])
        .tips(&[tip::ANY_OUTPUT, tip::ALL_SHARDS, tip::SPECIAL_RESPONSE])
        .history(&[("7.0.0", "Takes more than one section.")]),
    command("time", 1, "2.6.0")
        .summary("Returns the time of this node: seconds since 1970, and microseconds.")
        .flags(&[Flag::Loading, Flag::Stale, Flag::Fast])
        .tips(&[tip::ANY_OUTPUT]),
];

const fn flush(name: &'static str) -> Spec {
    command(name, -1, "1.0.0")
        .complexity("O(N) with N the number of keys.")
        .flags(&[Flag::Write])
        .categories(&[Category::Keyspace, Category::Dangerous])
        .arguments(FLUSH)
        .tips(EVERYWHERE)
        .history(&[("4.0.0", "Takes `ASYNC`."), ("6.2.0", "Takes `SYNC`.")])
}

const ABOUT_COMMANDS: &[Spec] = &[
    about("command|count", 2, "2.8.13").summary("Returns how many commands there are."),
    about("command|docs", -2, "7.0.0")
        .summary("Returns what commands do and which arguments they take.")
        .complexity("O(N) with N the number of commands that are asked for.")
        .arguments(COMMAND_NAMES)
        .tips(&[tip::ANY_ORDER]),
    about("command|getkeys", -3, "2.8.13")
        .summary("Returns the keys of a request.")
        .complexity("O(N) with N the number of its arguments.")
        .arguments(COMMAND_LINE),
    about("command|getkeysandflags", -3, "7.0.0")
        .summary("Returns the keys of a request, and what it does to them.")
        .complexity("O(N) with N the number of its arguments.")
        .arguments(COMMAND_LINE),
    about("command|help", 2, "5.0.0").summary("Returns this text."),
    about("command|info", -2, "2.8.13")
        .summary("Returns how commands behave and where their keys stand.")
        .complexity("O(N) with N the number of commands that are asked for.")
        .arguments(COMMAND_NAMES)
        .tips(&[tip::ANY_ORDER])
        .history(&[("7.0.0", "Tells of all commands when none is named.")]),
    about("command|list", -2, "7.0.0")
        .summary("Returns the names of commands.")
        .complexity("O(N) with N the number of commands.")
        .arguments(&[one_of("filterby", FILTER).after("FILTERBY").optional()])
        .tips(&[tip::ANY_ORDER]),
];

const CONFIG: &[Spec] = &[
    command("config|get", -3, "2.0.0")
        .summary("Returns the settings whose names match a pattern.")
        .complexity("O(N) with N the number of patterns.")
        .flags(OPERATOR)
        .arguments(&[string("parameter").multiple()])
        .history(&[("7.0.0", "Takes more than one pattern.")]),
    command("config|help", 2, "5.0.0").summary("Returns this text.").flags(ALWAYS),
    command("config|set", -4, "2.0.0")
        .summary("Changes settings until the node is restarted; all of them or none.")
        .complexity("O(N) with N the number of settings.")
        .flags(OPERATOR)
        .arguments(ASSIGNMENTS)
        .tips(&[tip::ALL_NODES, tip::ALL_SUCCEED])
        .history(&[("7.0.0", "Sets more than one parameter.")]),
];

const FUNCTION: &[Spec] = &[
    Spec::new("function|flush", -2, Group::Scripting, "7.0.0")
        .summary("Does nothing: there are no functions.")
        .flags(&[Flag::Write, Flag::NoScript])
        .categories(&[Category::Scripting])
        .arguments(FLUSH_FUNCTIONS)
        .tips(EVERYWHERE),
    Spec::new("function|help", 2, Group::Scripting, "7.0.0")
        .summary("Returns this text.")
        .flags(ALWAYS)
        .categories(&[Category::Scripting]),
];
