//! A command as `COMMAND DOCS` tells it: a map.

use super::argument::{Argument, Kind};
use super::spec::{Change, Spec};
use crate::Reply;

/// The name, and what there is to know.
pub(super) fn docs(spec: &Spec) -> (Reply, Reply) {
    let mut map = vec![
        ("summary", Reply::bulk(spec.summary)),
        ("since", Reply::bulk(spec.since)),
        ("group", Reply::bulk(spec.group.name())),
        ("complexity", Reply::bulk(spec.complexity)),
    ];
    if !spec.doc_flags.is_empty() {
        map.push(("doc_flags", Reply::Set(spec.doc_flags.iter().map(|flag| Reply::simple(*flag)).collect())));
    }
    if let Some(replaced) = spec.replaced {
        map.push(("deprecated_since", Reply::bulk(replaced.since)));
        map.push(("replaced_by", Reply::bulk(replaced.by)));
    }
    if !spec.history.is_empty() {
        map.push(("history", Reply::Set(spec.history.iter().map(change).collect())));
    }
    if !spec.arguments.is_empty() {
        map.push(("arguments", arguments(spec.arguments)));
    }
    if !spec.subcommands.is_empty() {
        map.push(("subcommands", Reply::Map(spec.subcommands.iter().map(docs).collect())));
    }
    (Reply::bulk(spec.name), Reply::map(map))
}

fn change((since, what): &Change) -> Reply {
    Reply::Array(vec![Reply::bulk(*since), Reply::bulk(*what)])
}

fn arguments(arguments: &[Argument]) -> Reply {
    Reply::Array(arguments.iter().map(argument).collect())
}

fn argument(argument: &Argument) -> Reply {
    let mut map = vec![("name", Reply::bulk(argument.name)), ("type", Reply::bulk(argument.kind.name()))];
    if argument.parts.is_empty() {
        map.push(("display_text", Reply::bulk(argument.name)));
    }
    if let Kind::Key(spec) = argument.kind {
        map.push(("key_spec_index", Reply::Integer(i64::from(spec))));
    }
    if let Some(token) = argument.token {
        map.push(("token", Reply::bulk(token)));
    }
    if let Some(since) = argument.since {
        map.push(("since", Reply::bulk(since)));
    }
    let flags = flags(argument);
    if !flags.is_empty() {
        map.push(("flags", Reply::Set(flags)));
    }
    if !argument.parts.is_empty() {
        map.push(("arguments", arguments(argument.parts)));
    }
    Reply::map(map)
}

fn flags(argument: &Argument) -> Vec<Reply> {
    let flags = [("optional", argument.optional), ("multiple", argument.multiple)];
    flags.iter().filter(|(_, set)| *set).map(|(name, _)| Reply::simple(*name)).collect()
}
