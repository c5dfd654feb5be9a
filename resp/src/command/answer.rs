//! The answers of `COMMAND` and its subcommands.

use super::docs::docs;
use super::flags::Category;
use super::help::help_of;
use super::info::{info, key_flags};
use super::{Spec, commands, lookup};
use crate::glob::{self, Case};
use crate::{Reply, errors};

/// Answers `COMMAND …`, whose arguments [`resolve`](super::resolve) took for `spec`.
pub fn answer<A: AsRef<[u8]>>(spec: &'static Spec, arguments: &[A]) -> Reply {
    let rest = arguments.get(2..).unwrap_or_default();
    match spec.name {
        "command|count" => Reply::count(commands().count()),
        "command|docs" => Reply::Map(asked_for(rest).flatten().map(docs).collect()),
        "command|getkeys" => keys(rest, |key, _| Reply::bulk(key)),
        "command|getkeysandflags" => keys(rest, |key, flags| Reply::Array(vec![Reply::bulk(key), flags])),
        "command|info" => Reply::Array(asked_for(rest).map(|spec| spec.map_or(Reply::Null, info)).collect()),
        "command|list" => list(rest),
        "command|help" => help_of(spec),
        _ => Reply::Array(commands().map(info).collect()),
    }
}

/// The commands of these names, or all commands if there are none.
fn asked_for<A: AsRef<[u8]>>(names: &[A]) -> impl Iterator<Item = Option<&'static Spec>> {
    let all = names.is_empty().then(|| commands().map(Some));
    all.into_iter().flatten().chain(names.iter().map(|name| by_full_name(name.as_ref())))
}

/// The command, or `command|subcommand`, of that name.
fn by_full_name(name: &[u8]) -> Option<&'static Spec> {
    let mut words = name.splitn(2, |byte| *byte == b'|');
    let command = words.next().and_then(lookup)?;
    words.next().map_or(Some(command), |sub| command.subcommand(sub))
}

/// The keys of the request that stands in the arguments.
fn keys<A: AsRef<[u8]>>(request: &[A], tell: fn(Vec<u8>, Reply) -> Reply) -> Reply {
    let Some(spec) = command_of(request) else { return Reply::error("ERR Invalid command specified") };
    if spec.key_range().is_none() {
        return Reply::error("ERR The command has no key arguments");
    }
    if !spec.accepts(request.len()) {
        return Reply::error("ERR Invalid number of arguments specified for command");
    }
    Reply::Array(spec.keys_of(request).map(|(key, flags)| tell(key.to_vec(), key_flags(flags))).collect())
}

/// The command or subcommand that a request names.
fn command_of<A: AsRef<[u8]>>(request: &[A]) -> Option<&'static Spec> {
    let command = lookup(request.first()?.as_ref())?;
    match request.get(1) {
        Some(sub) if !command.subcommands.is_empty() => command.subcommand(sub.as_ref()),
        _ => Some(command),
    }
}

/// `COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN pattern]`.
fn list<A: AsRef<[u8]>>(options: &[A]) -> Reply {
    let options: Vec<&[u8]> = options.iter().map(A::as_ref).collect();
    let named = |option: &[u8], word: &[u8]| option.eq_ignore_ascii_case(word);
    match options[..] {
        [] => list_where(|_| true),
        // There are no modules, so none of their commands either.
        [by, kind, _] if named(by, b"filterby") && named(kind, b"module") => list_where(|_| false),
        [by, kind, category] if named(by, b"filterby") && named(kind, b"aclcat") => {
            let wanted = Category::ALL.into_iter().find(|known| named(category, known.plain_name().as_bytes()));
            list_where(|spec| wanted.is_some_and(|category| spec.belongs_to(category)))
        }
        [by, kind, pattern] if named(by, b"filterby") && named(kind, b"pattern") => {
            list_where(|spec| glob::matches(pattern, spec.name.as_bytes(), Case::Insensitive))
        }
        _ => Reply::error(errors::SYNTAX),
    }
}

/// The names of commands and subcommands.
fn list_where(wanted: impl Fn(&Spec) -> bool) -> Reply {
    let all = commands().flat_map(|spec| std::iter::once(spec).chain(spec.subcommands));
    Reply::bulks(all.filter(|spec| wanted(spec)).map(|spec| spec.name))
}
