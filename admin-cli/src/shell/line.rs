//! One line of the shell, parsed. Pure.

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};
use common::rpc::{ErrorCode, WireError, WireResult};

use crate::args::{Line, syntax_error};

/// The shell's own words, beside the commands.
pub(super) const OWN: [&str; 4] = ["exit", "help", "quit", "use"];

/// What a line asks for.
#[derive(Debug)]
pub(super) enum Step {
    /// Empty, or a comment.
    Nothing,
    /// Leave.
    Exit,
    /// Print this.
    Say(String),
    /// Commands without `-t` mean this table from now on.
    Use(String),
    /// A command.
    Run(Box<Line>),
}

/// Parses a line. `table` stands in for a `--table` that is missing.
pub(super) fn parse(text: &str, table: Option<&str>) -> WireResult<Step> {
    let words = split(text)?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => Ok(Step::Nothing),
        ["exit" | "quit"] => Ok(Step::Exit),
        ["help"] => Ok(Step::Say(overview())),
        ["help", command] => help_of(command),
        ["use", name] => Ok(Step::Use((*name).to_owned())),
        ["use", ..] => Err(WireError::new(ErrorCode::InvalidArgument, "'use' takes one table", "use TABLE")),
        words => command(words, table),
    }
}

/// Words as a shell would split them, except that backslashes stay: they are escapes of keys and values.
fn split(text: &str) -> WireResult<Vec<String>> {
    let text = text.trim();
    if text.starts_with('#') {
        return Ok(vec![]);
    }
    let unbalanced =
        || WireError::new(ErrorCode::InvalidArgument, "a quote is not closed", "close it with the same quote");
    shlex::split(&text.replace('\\', "\\\\")).ok_or_else(unbalanced)
}

fn command(words: &[&str], table: Option<&str>) -> WireResult<Step> {
    match (Line::try_parse_from(words), words, table) {
        (Ok(line), ..) => Ok(Step::Run(Box::new(line))),
        (Err(error), [command, rest @ ..], Some(table)) if error.kind() == ErrorKind::MissingRequiredArgument => {
            let with_table = [command, "--table", table].into_iter().chain(rest.iter().copied());
            // If the table was not what was missing, the first error says it better.
            let line = Line::try_parse_from(with_table).map_err(|_| syntax_error(&error))?;
            Ok(Step::Run(Box::new(line)))
        }
        (Err(error), ..) if !error.use_stderr() => Ok(Step::Say(error.render().to_string())),
        (Err(error), ..) => Err(syntax_error(&error)),
    }
}

fn overview() -> String {
    let mut lines = vec!["Commands ('help COMMAND' says more):".to_owned()];
    let about = |command: &clap::Command| command.get_about().map(ToString::to_string).unwrap_or_default();
    lines.extend(Line::command().get_subcommands().map(|c| format!("  {:<21}{}", c.get_name(), about(c))));
    lines.push("  use TABLE            Let commands without -t mean this table".to_owned());
    lines.push("  exit                 Leave the shell (also Ctrl-D)".to_owned());
    lines.join("\n")
}

fn help_of(name: &str) -> WireResult<Step> {
    let mut line = Line::command();
    let unknown = || WireError::new(ErrorCode::InvalidArgument, format!("there is no command '{name}'"), "see 'help'");
    line.find_subcommand_mut(name).map(|command| Step::Say(command.render_long_help().to_string())).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;

    fn run(text: &str, table: Option<&str>) -> Command {
        let step = parse(text, table).unwrap();
        let Step::Run(line) = step else { panic!("{step:?} is no command") };
        line.command
    }

    #[test]
    fn a_used_table_stands_in_for_a_missing_one_only() {
        let Command::Get(used) = run("get key sort", Some("cities")) else { panic!("another command") };
        assert_eq!(used.table, "cities");
        let Command::Get(given) = run("get -t other key sort", Some("cities")) else { panic!("another command") };
        assert_eq!(given.table, "other");
    }

    #[test]
    fn without_a_used_table_a_missing_one_is_an_error() {
        assert!(parse("get key sort", None).unwrap_err().message.contains("--table"));
    }

    #[test]
    fn another_missing_argument_is_named_even_with_a_used_table() {
        assert!(parse("get key", Some("cities")).unwrap_err().message.contains("SORT_KEY"));
    }

    #[test]
    fn quotes_group_words_and_escapes_survive() {
        let Command::Get(get) = run(r#"get -t T "a b" \x00"#, None) else { panic!("another command") };
        assert_eq!((&get.record.hash_key[..], &get.record.sort_key[..]), (&b"a b"[..], &b"\0"[..]));
    }

    #[test]
    fn wrong_lines_are_errors_and_not_the_end() {
        for text in ["nonsense", "get 'open", "use", "help nonsense", "disk-replica"] {
            assert_eq!(parse(text, None).unwrap_err().code, ErrorCode::InvalidArgument, "{text}");
        }
    }

    #[test]
    fn help_names_every_command_and_explains_one() {
        let Ok(Step::Say(all)) = parse("help", None) else { panic!("no help") };
        assert!(all.contains("disk-migrate-report") && all.contains("use TABLE"), "{all}");
        let Ok(Step::Say(one)) = parse("help disk-migrate", None) else { panic!("no help") };
        assert!(one.contains("--no-demote"), "{one}");
        for command in ["disk-migrate-cancel", "disk-migrate-rate", "disk-gc"] {
            assert!(all.contains(command), "{command} is missing in {all}");
        }
        let Ok(Step::Say(gc)) = parse("help disk-gc", None) else { panic!("no help") };
        assert!(gc.contains("gc.origin_life"), "{gc}");
    }

    #[test]
    fn empty_lines_and_comments_do_nothing() {
        assert!(matches!(parse("  ", None), Ok(Step::Nothing)));
        assert!(matches!(parse("# a note", None), Ok(Step::Nothing)));
    }
}
