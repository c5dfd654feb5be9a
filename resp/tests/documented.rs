//! docs/resp.md lists every command of the table, and no other.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::collections::BTreeSet;

use resp::command::commands;

/// The paragraph that lists them, from its heading on: `Chapter: COMMAND COMMAND (SUBCOMMAND SUBCOMMAND) …`.
fn listed() -> BTreeSet<String> {
    let chapter = include_str!("../../docs/resp.md").split("\n## Commands\n").nth(1).unwrap();
    let list = chapter.trim_start().split("\n\n").next().unwrap();
    let (mut names, mut command, mut below) = (BTreeSet::new(), String::new(), false);
    for word in list.split_whitespace() {
        below |= word.starts_with('(');
        let name = word.trim_matches(['(', ')', '.']);
        if name.bytes().all(|byte| byte.is_ascii_uppercase()) {
            let name = name.to_lowercase();
            if !below {
                command.clone_from(&name);
            }
            names.insert(if below { format!("{command}|{name}") } else { name });
        }
        below &= !word.contains(')');
    }
    names
}

#[test]
fn every_command_is_listed_and_no_other() {
    let table: BTreeSet<String> = commands()
        .flat_map(|spec| std::iter::once(spec).chain(spec.subcommands))
        .map(|spec| spec.name.to_owned())
        .collect();
    assert_eq!(listed(), table);
}
