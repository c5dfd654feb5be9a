//! The cluster as this node sees it.

use super::tip;
use crate::command::argument::{integer, string};
use crate::command::flags::{Category, Flag};
use crate::command::spec::{Group, Spec};

const ANYWHERE: &[Flag] = &[Flag::Stale];
const ALWAYS: &[Flag] = &[Flag::Loading, Flag::Stale];
const SWITCH: &[Flag] = &[Flag::Loading, Flag::Stale, Flag::Fast];
const PER_NODE: &str = "O(N) with N the number of nodes.";

const fn command(name: &'static str, arity: i32, since: &'static str) -> Spec {
    Spec::new(name, arity, Group::Cluster, since)
}

/// A subcommand that tells of all nodes.
const fn overview(name: &'static str, since: &'static str) -> Spec {
    command(name, 2, since).complexity(PER_NODE).flags(ALWAYS).tips(&[tip::ANY_OUTPUT])
}

pub(super) const COMMANDS: &[Spec] = &[
    command("cluster", -2, "3.0.0")
        .summary("Tells of the cluster.")
        .complexity("Depends on the subcommand.")
        .subcommands(SUBCOMMANDS),
    command("readonly", 1, "3.0.0")
        .summary("Lets this connection read from copies that may be behind.")
        .flags(SWITCH)
        .categories(&[Category::Connection]),
    command("readwrite", 1, "3.0.0").summary("Undoes `READONLY`.").flags(SWITCH).categories(&[Category::Connection]),
];

const SUBCOMMANDS: &[Spec] = &[
    command("cluster|countkeysinslot", 3, "3.0.0")
        .summary("Returns how many keys a slot of this node holds.")
        .complexity("O(N) with N the number of keys in the slot.")
        .flags(ANYWHERE)
        .arguments(&[integer("slot")]),
    command("cluster|getkeysinslot", 4, "3.0.0")
        .summary("Returns up to so many keys of a slot of this node.")
        .complexity("O(N) with N the number of keys that are asked for.")
        .flags(ANYWHERE)
        .arguments(&[integer("slot"), integer("count")])
        .tips(&[tip::ANY_OUTPUT]),
    command("cluster|help", 2, "5.0.0").summary("Returns this text.").flags(ALWAYS),
    command("cluster|info", 2, "3.0.0")
        .summary("Returns the state of the cluster, line by line.")
        .flags(ALWAYS)
        .tips(&[tip::ANY_OUTPUT]),
    command("cluster|keyslot", 3, "3.0.0")
        .summary("Returns the slot of a key.")
        .complexity("O(N) with N the length of the key.")
        .flags(ANYWHERE)
        .arguments(&[string("key")]),
    command("cluster|links", 2, "7.0.0")
        .summary("Returns the connections between this node and the others.")
        .complexity(PER_NODE)
        .flags(ANYWHERE)
        .tips(&[tip::ANY_OUTPUT]),
    command("cluster|myid", 2, "3.0.0").summary("Returns the id of this node.").flags(ALWAYS),
    command("cluster|myshardid", 2, "7.2.0")
        .summary("Returns the id of the shard that this node serves.")
        .flags(ALWAYS)
        .tips(&[tip::ANY_OUTPUT]),
    overview("cluster|nodes", "3.0.0").summary("Returns the nodes with their slots, a line for each."),
    overview("cluster|shards", "7.0.0").summary("Returns the shards: their slots and their nodes."),
    overview("cluster|slots", "3.0.0")
        .summary("Returns for each range of slots which nodes serve it.")
        .replaced("7.0.0", "`CLUSTER SHARDS`")
        .history(&[("4.0.0", "Tells the ids of nodes."), ("7.0.0", "Tells more of how nodes are reached.")]),
];
