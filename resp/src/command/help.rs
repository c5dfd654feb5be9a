//! The answer of `CLIENT HELP` and its likes, from the table.

use super::argument::usage;
use super::{Spec, lookup};
use crate::Reply;

/// The answer of a command's `HELP`: two lines for each subcommand.
#[must_use]
pub fn help(command: &Spec) -> Reply {
    let name = command.name.to_ascii_uppercase();
    let title = format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    let lines = command.subcommands.iter().flat_map(two_lines);
    Reply::Array(std::iter::once(title).chain(lines).map(Reply::simple).collect())
}

fn two_lines(sub: &Spec) -> [String; 2] {
    let line = format!("{} {}", sub.short_name().to_ascii_uppercase(), usage(sub.arguments));
    [line.trim_end().to_owned(), format!("    {}", sub.summary)]
}

/// The answer of `HELP` below the subcommand's own command: `client|help` is answered with the help of `client`.
#[must_use]
pub(super) fn help_of(sub: &Spec) -> Reply {
    let command = sub.name.split('|').next().and_then(|name| lookup(name.as_bytes()));
    help(command.unwrap_or(sub))
}
