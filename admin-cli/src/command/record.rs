//! Single records: `set`, `get`, `del`.

use std::io::{Read as _, Write as _};

use bytes::Bytes;
use clap::Args;
use common::rpc::{ErrorCode, WireError, WireResult};
use serde::Serialize;

use crate::args::{Input, input_parser, key_parser};
use crate::context::Context;
use crate::escape::escape;
use crate::output::Output;

/// Longest value read from stdin, in bytes; the servers' limit is lower.
const STDIN_BYTES_MAX: u64 = 64 << 20;

/// Which record. Keys may hold `\xNN`, `\n`, `\t` and `\\`.
#[derive(Args, Clone, Debug)]
pub struct Record {
    /// What is hashed: all its records live in one partition
    #[arg(value_parser = key_parser())]
    pub hash_key: Bytes,
    /// Orders the records of one hash key; may be empty
    #[arg(value_parser = key_parser())]
    pub sort_key: Bytes,
}

/// `set`.
#[derive(Args, Clone, Debug)]
pub struct Set {
    /// The table
    #[arg(short, long)]
    pub table: String,
    /// Let the record expire after this time, for example 30s
    #[arg(long, value_parser = humantime::parse_duration)]
    pub ttl: Option<std::time::Duration>,
    /// Which record
    #[command(flatten)]
    pub record: Record,
    /// The value, or - for stdin
    #[arg(value_parser = input_parser(), allow_hyphen_values = true)]
    pub value: Input,
}

/// `get`.
#[derive(Args, Clone, Debug)]
pub struct Get {
    /// The table
    #[arg(short, long)]
    pub table: String,
    /// Print the bytes as they are, without escapes and without a newline
    #[arg(long, conflicts_with = "json")]
    pub raw: bool,
    /// Which record
    #[command(flatten)]
    pub record: Record,
}

/// `del`.
#[derive(Args, Clone, Debug)]
pub struct Del {
    /// The table
    #[arg(short, long)]
    pub table: String,
    /// Which record
    #[command(flatten)]
    pub record: Record,
}

#[derive(Serialize)]
struct Written {
    written: bool,
}

#[derive(Serialize)]
struct Deleted {
    deleted: bool,
}

/// The value, or null if there is no such record.
#[derive(Serialize)]
struct Got {
    value: Option<String>,
}

impl Set {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        let value = read(self.value).await?;
        let table = context.client().table(&self.table);
        let (hash_key, sort_key) = (&self.record.hash_key, &self.record.sort_key);
        match self.ttl {
            Some(ttl) => table.put_with_ttl(hash_key, sort_key, value, ttl).await?,
            None => table.put(hash_key, sort_key, value).await?,
        }
        Ok(Output::new(&Written { written: true }, "written"))
    }
}

impl Get {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        let table = context.client().table(&self.table);
        let value = table.get(&self.record.hash_key, &self.record.sort_key).await?;
        if self.raw {
            let bytes = value.unwrap_or_default();
            // Bytes for a file or a pipe; a reader that went away is no failure.
            let _ = std::io::stdout().write_all(&bytes).and_then(|()| std::io::stdout().flush());
            return Ok(Output::new(&(), ""));
        }
        if value.is_none() && !context.json() {
            // Not on stdout, where it could be taken for a value.
            eprintln!("no such record");
        }
        let value = value.map(|value| escape(&value));
        let text = value.clone().unwrap_or_default();
        Ok(Output::new(&Got { value }, text))
    }
}

impl Del {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        let table = context.client().table(&self.table);
        table.delete(&self.record.hash_key, &self.record.sort_key).await?;
        Ok(Output::new(&Deleted { deleted: true }, "deleted"))
    }
}

async fn read(input: Input) -> WireResult<Bytes> {
    match input {
        Input::Bytes(bytes) => Ok(bytes),
        Input::Stdin => {
            let unreadable =
                |error| WireError::new(ErrorCode::InvalidArgument, format!("cannot read stdin: {error}"), "");
            tokio::task::spawn_blocking(read_stdin).await.map_err(WireError::internal)?.map_err(unreadable)
        }
    }
}

fn read_stdin() -> std::io::Result<Bytes> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(STDIN_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes.into())
}
