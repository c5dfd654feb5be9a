//! The command line: what holds for every command, and the types in which arguments are parsed.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Parser};
use common::config::{ByteSize, ParseUnitError};
use common::rpc::{ErrorCode, WireError};
use common::types::PeerId;

use crate::command::Command;
use crate::escape::unescape;

/// The operator's tool of Godwit. Without a command it is an interactive shell.
#[derive(Clone, Debug, Parser)]
#[command(name = "admin-cli", version, disable_help_subcommand = false, max_term_width = 110)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What holds for every command.
#[derive(Args, Clone, Debug)]
pub struct Global {
    /// Meta servers, separated by commas.
    #[arg(short, long, global = true, env = "GODWIT_META", value_name = "HOST:PORT", value_delimiter = ',')]
    #[arg(default_value = "127.0.0.1:34601")]
    pub meta: Vec<String>,
    /// Print exactly one JSON document.
    #[arg(long, global = true)]
    pub json: bool,
    /// Deadline of each call to a server, for example 500ms or 10s.
    #[arg(long, global = true, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub timeout: Duration,
    /// File with the cluster secret; not needed where everything listens on loopback.
    #[arg(long, global = true, env = "GODWIT_SECRET_FILE", value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
}

/// A line of the interactive shell: a command, and whether to print it as JSON.
#[derive(Clone, Debug, Parser)]
#[command(name = "", no_binary_name = true, disable_help_subcommand = true, max_term_width = 110)]
pub struct Line {
    /// Print exactly one JSON document.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// A node as an operator names it: `host:port`, or its peer id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeName {
    /// Where it is reached.
    Address(String),
    /// What the meta server calls it.
    Peer(PeerId),
}

impl FromStr for NodeName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(peer) = text.parse() {
            return Ok(Self::Peer(PeerId(peer)));
        }
        let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port);
        match port.map(str::parse::<u16>) {
            Some(Ok(_)) => Ok(Self::Address(text.to_owned())),
            _ => Err("write host:port or a peer id, for example 127.0.0.1:34801 or 0".to_owned()),
        }
    }
}

/// A value: bytes, or `-` for what comes from stdin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// As written, escapes undone.
    Bytes(Bytes),
    /// To be read.
    Stdin,
}

/// A limit as an operator writes it: bytes per second, or `default`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// What the settings say.
    Default,
    /// So many; 0: no limit.
    Bytes(u64),
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "default" {
            return Ok(Self::Default);
        }
        bytes_per_s(text).map(Self::Bytes)
    }
}

/// Parses bytes per second: a size with its unit, or a plain number of bytes.
///
/// # Errors
/// What is wrong with it, in words.
pub fn bytes_per_s(text: &str) -> Result<u64, String> {
    text.parse().map(|ByteSize(bytes)| bytes).map_err(|error: ParseUnitError| error.to_string())
}

/// Parses a key: any bytes of the command line, with escapes.
pub fn key_parser() -> impl TypedValueParser<Value = Bytes> {
    OsStringValueParser::new().try_map(|text: OsString| unescape(text.as_bytes()).map(Bytes::from))
}

/// Parses a value: like a key, or `-` for stdin.
pub fn input_parser() -> impl TypedValueParser<Value = Input> {
    OsStringValueParser::new().try_map(|text: OsString| match text.as_bytes() {
        b"-" => Ok(Input::Stdin),
        bytes => unescape(bytes).map(|bytes| Input::Bytes(bytes.into())),
    })
}

/// A wrong command line, in the form of every other error.
#[must_use]
pub fn syntax_error(error: &clap::Error) -> WireError {
    let text = error.render().to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or("wrong command line").trim_start_matches("error: ").to_owned();
    // "…were not provided:" goes on with the arguments, one a line.
    let more: Vec<&str> =
        lines.by_ref().take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more")).collect();
    let message = if more.is_empty() { first } else { format!("{first} {}", more.join("; ")) };
    let hint = match error.get(ContextKind::Usage) {
        _ if error.kind() == ErrorKind::InvalidSubcommand => "'help' lists the commands".to_owned(),
        Some(ContextValue::StyledStr(usage)) => usage.to_string().replace('\n', " "),
        _ => "see admin-cli --help".to_owned(),
    };
    WireError::new(ErrorCode::InvalidArgument, message, hint.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(words: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once(&"admin-cli").chain(words))
    }

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        Cli::command().debug_assert();
        Line::command().debug_assert();
    }

    #[test]
    fn options_for_every_command_may_stand_before_or_after_it() {
        let before = parse(&["-m", "a:1,b:2", "--json", "--timeout", "3s", "ls"]).unwrap().global;
        let after = parse(&["ls", "--json", "--timeout", "3s", "--meta", "a:1,b:2"]).unwrap().global;
        assert_eq!((&before.meta, before.json, before.timeout), (&after.meta, after.json, after.timeout));
        assert_eq!(before.meta, ["a:1", "b:2"]);
    }

    #[test]
    fn a_node_is_an_address_or_a_peer_id_and_nothing_else() {
        assert_eq!("127.0.0.1:34801".parse(), Ok(NodeName::Address("127.0.0.1:34801".to_owned())));
        assert_eq!("2".parse(), Ok(NodeName::Peer(PeerId(2))));
        for text in ["", "localhost", ":34801", "host:port", "-1", "host:70000"] {
            assert!(text.parse::<NodeName>().unwrap_err().contains("peer id"), "{text}");
        }
    }

    #[test]
    fn the_short_t_is_the_table_and_in_disk_migrate_the_target() {
        let words = ["disk-migrate", "-n", "0", "-g", "1.0", "-f", "disk1", "-t", "disk2"];
        let Some(Command::DiskMigrate(migrate)) = parse(&words).unwrap().command else { panic!("another command") };
        assert_eq!((migrate.source.as_str(), migrate.target.as_str()), ("disk1", "disk2"));
        let Some(Command::Get(get)) = parse(&["get", "-t", "T", "k", "s"]).unwrap().command else { panic!("another") };
        assert_eq!(get.table, "T");
    }

    #[test]
    fn rates_have_units_and_a_plain_number_is_bytes() {
        let rate = |text: &str| {
            let words = ["disk-migrate", "-n", "0", "-g", "1.0", "-f", "a", "-t", "b", "--max-rate", text];
            let Some(Command::DiskMigrate(migrate)) = parse(&words).unwrap().command else { panic!("another") };
            migrate.max_rate
        };
        assert_eq!(["20MiB", "1.5KiB", "4096", "0"].map(rate), [Some(20 << 20), Some(1536), Some(4096), Some(0)]);
        assert!(parse(&["disk-migrate-rate", "-n", "0", "50MB"]).unwrap_err().to_string().contains("100MiB"));
        assert_eq!(("default".parse(), "0".parse()), (Ok(Rate::Default), Ok(Rate::Bytes(0))));
    }

    #[test]
    fn a_cancel_names_its_job_in_exactly_one_way() {
        let id = "00000000-0000-0000-0000-000000000007";
        assert!(parse(&["disk-migrate-cancel", "-n", "0", "-g", "1.0"]).is_ok());
        assert!(parse(&["disk-migrate-cancel", "-n", "0", "--id", id, "--wait"]).is_ok());
        assert!(parse(&["disk-migrate-cancel", "-n", "0"]).is_err());
        assert!(parse(&["disk-migrate-cancel", "-n", "0", "-g", "1.0", "--id", id]).is_err());
    }

    #[test]
    fn a_region_migration_names_two_nodes_and_a_human_time() {
        let words = ["region-migrate", "-g", "1.0", "--from", "0", "--to", "127.0.0.1:34802"];
        assert!(parse(&words).is_ok());
        assert!(parse(&[&words[..], &["--replay-timeout", "90s", "--wait"]].concat()).is_ok());
        assert!(parse(&[&words[..], &["--replay-timeout", "soon"]].concat()).is_err());
        assert!(parse(&["region-migrate", "-g", "1.0", "--from", "0"]).is_err());
        assert!(parse(&["jobs", "--kind", "region", "--state", "running"]).is_ok());
        assert!(parse(&["jobs", "--kind", "slot"]).is_err());
    }

    #[test]
    fn keys_and_values_are_unescaped_and_a_dash_is_stdin() {
        let Some(Command::Set(set)) = parse(&["set", "-t", "T", r"a\x00", "", "-"]).unwrap().command else {
            panic!("another command")
        };
        assert_eq!((&set.record.hash_key[..], &set.record.sort_key[..]), (&b"a\0"[..], &b""[..]));
        assert_eq!(set.value, Input::Stdin);
        assert!(parse(&["get", "-t", "T", r"\q", "s"]).is_err());
    }

    #[test]
    fn a_value_may_begin_with_a_dash() {
        let Some(Command::Set(set)) = parse(&["set", "-t", "T", "k", "s", "-5"]).unwrap().command else {
            panic!("another command")
        };
        assert_eq!(set.value, Input::Bytes(Bytes::from_static(b"-5")));
    }

    #[test]
    fn a_wrong_line_becomes_an_error_with_the_usage_as_hint() {
        let error = syntax_error(&parse(&["disk-replica", "-d", "disk1"]).unwrap_err());
        assert_eq!(error.code, ErrorCode::InvalidArgument);
        assert!(error.message.contains("--node <NODE>"), "{error:?}");
        assert!(error.hint.contains("Usage: admin-cli disk-replica"), "{error:?}");
    }
}
