//! Completion: commands and options from the command line's own definition; tables, gpids, nodes and disks from the
//! cluster, fetched before each prompt and kept when it does not answer at once.

use std::time::Duration;

use clap::{Arg, CommandFactory as _};
use rustyline::completion::{Completer, Pair};
use rustyline::{Context as LineContext, Helper as LineHelper, Highlighter, Hinter, Validator};

use super::line::OWN;
use crate::args::Line;
use crate::context::Context;

/// A prompt does not wait longer for names.
const FETCH_WITHIN: Duration = Duration::from_millis(300);
/// Gpids offered at most.
const GPIDS_MAX: usize = 1000;

/// What can be named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    tables: Vec<String>,
    gpids: Vec<String>,
    nodes: Vec<String>,
    disks: Vec<String>,
}

impl Names {
    /// Asks the meta server. Nothing can be completed while it is away.
    pub(super) async fn fetch(context: &Context, used: Option<String>) -> Self {
        let asked = async {
            let (tables, cluster) = (context.tables().await?, context.cluster().await?);
            common::rpc::WireResult::Ok((tables, cluster))
        };
        let Ok(Ok((tables, cluster))) = tokio::time::timeout(FETCH_WITHIN, asked).await else {
            return Self { tables: used.into_iter().collect(), ..Self::default() };
        };
        let gpids = tables.iter().flat_map(|t| (0..t.partitions).map(move |index| format!("{}.{index}", t.table_id)));
        let mut disks: Vec<String> =
            cluster.nodes.iter().flat_map(|n| n.disks.iter().map(|d| d.disk.clone())).collect();
        disks.sort();
        disks.dedup();
        Self {
            gpids: gpids.take(GPIDS_MAX).collect(),
            tables: tables.into_iter().map(|table| table.name).collect(),
            nodes: cluster.nodes.into_iter().map(|node| node.address).collect(),
            disks,
        }
    }

    /// Candidates for an argument, by its name in the command's definition.
    fn of(&self, argument: &Arg) -> &[String] {
        match argument.get_id().as_str() {
            "table" | "name" => &self.tables,
            "gpid" => &self.gpids,
            "node" | "primary" | "node_is_dead" => &self.nodes,
            "disk" | "source" | "target" => &self.disks,
            _ => &[],
        }
    }
}

/// The line editor's helper; only completes.
#[derive(Default, LineHelper, Highlighter, Hinter, Validator)]
pub(super) struct Helper {
    pub(super) names: Names,
}

impl Completer for Helper {
    type Candidate = Pair;

    fn complete(&self, line: &str, position: usize, _: &LineContext<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = line.get(..position).unwrap_or(line);
        let start = before.rfind(char::is_whitespace).map_or(0, |at| at + 1);
        let (words, begun) = before.split_at(start);
        let words: Vec<&str> = words.split_whitespace().collect();
        let pair = |word: String| Pair { display: word.clone(), replacement: format!("{word} ") };
        Ok((start, candidates(&self.names, &words, begun).into_iter().map(pair).collect()))
    }
}

/// What the word that was begun may become, after these words.
fn candidates(names: &Names, words: &[&str], begun: &str) -> Vec<String> {
    let line = Line::command();
    let all: Vec<String> = match words {
        [] | ["help"] => commands(&line),
        ["use"] => names.tables.clone(),
        [name, rest @ ..] => {
            let Some(command) = line.find_subcommand(name) else { return vec![] };
            of_command(names, command, rest, begun)
        }
    };
    all.into_iter().filter(|word| word.starts_with(begun)).collect()
}

fn commands(line: &clap::Command) -> Vec<String> {
    let mut all: Vec<String> = line.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    all.extend(OWN.map(str::to_owned));
    all.sort();
    all
}

fn of_command(names: &Names, command: &clap::Command, words: &[&str], begun: &str) -> Vec<String> {
    let value_of = words.last().and_then(|word| option(command, word)).filter(|arg| arg.get_action().takes_values());
    if let Some(argument) = value_of {
        return names.of(argument).to_vec();
    }
    if begun.starts_with('-') {
        return command.get_arguments().filter_map(Arg::get_long).map(|long| format!("--{long}")).collect();
    }
    command.get_positionals().next().map(|argument| names.of(argument).to_vec()).unwrap_or_default()
}

/// The option that a word names.
fn option<'a>(command: &'a clap::Command, word: &str) -> Option<&'a Arg> {
    let short = word.strip_prefix('-').filter(|rest| rest.len() == 1).and_then(|rest| rest.chars().next());
    let long = word.strip_prefix("--");
    let matches = |arg: &&Arg| {
        short.is_some_and(|c| arg.get_short() == Some(c)) || long.is_some_and(|name| arg.get_long() == Some(name))
    };
    command.get_arguments().find(matches)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(line: &str) -> Vec<String> {
        let names = Names {
            tables: vec!["cities".to_owned()],
            gpids: vec!["1.0".to_owned(), "1.1".to_owned()],
            nodes: vec!["127.0.0.1:34801".to_owned()],
            disks: vec!["disk1".to_owned(), "disk2".to_owned()],
        };
        let start = line.rfind(' ').map_or(0, |at| at + 1);
        let (words, begun) = line.split_at(start);
        candidates(&names, &words.split_whitespace().collect::<Vec<_>>(), begun)
    }

    #[test]
    fn the_first_word_is_a_command_or_one_of_the_shell() {
        let moves = ["disk-migrate", "disk-migrate-cancel", "disk-migrate-rate", "disk-migrate-report"];
        assert_eq!(complete("disk-m"), moves);
        assert_eq!(complete("disk-g"), ["disk-gc"]);
        assert_eq!(complete("us"), ["use"]);
        assert_eq!(complete("help prop"), ["propose"]);
    }

    #[test]
    fn values_come_from_the_cluster() {
        assert_eq!(complete("disk-migrate -n "), ["127.0.0.1:34801"]);
        assert_eq!(complete("disk-migrate -n 0 --gpid 1."), ["1.0", "1.1"]);
        assert_eq!(complete("disk-migrate -n 0 -g 1.0 -f disk1 -t d"), ["disk1", "disk2"]);
        assert_eq!(complete("disk-remove -n 0 -d d"), ["disk1", "disk2"]);
        assert_eq!(complete("disk-migrate-cancel -n 0 -g 1."), ["1.0", "1.1"]);
        assert_eq!(complete("disk-gc -n 0 -d "), ["disk1", "disk2"]);
        assert_eq!(complete("count -t c"), ["cities"]);
        assert_eq!(complete("app c"), ["cities"]);
        assert_eq!(complete("use "), ["cities"]);
    }

    #[test]
    fn options_of_a_command_are_completed() {
        assert_eq!(complete("disk-migrate --no-"), ["--no-demote"]);
        assert_eq!(complete("create --no"), ["--no-wait"]);
    }

    #[test]
    fn an_unknown_command_has_no_completions() {
        assert!(complete("nonsense -n ").is_empty());
    }
}
