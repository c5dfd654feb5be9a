//! `load`: a tab-separated file into a table. The header is skipped; column 1 is the hash key, column 2 the sort key, the
//! rest of the line, tabs and all, the value.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Args;
use client::{ClientError, Table};
use common::rpc::{ErrorCode, WireError, WireResult};
use futures::stream::{self, TryStreamExt as _};
use serde::Serialize;
use tokio::fs::File;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};

use crate::context::Context;
use crate::output::Output;

/// Writes in flight: enough that they share mutations and fsyncs.
const AT_ONCE: usize = 512;
const PROGRESS_EVERY: u64 = 500;

/// `load`.
#[derive(Args, Clone, Debug)]
pub struct Load {
    /// The file
    file: PathBuf,
    /// The table
    #[arg(short, long)]
    table: String,
}

#[derive(Serialize)]
struct Loaded {
    loaded: u64,
}

impl Load {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        // Before thousands of writes fail one by one.
        context.route(&self.table).await?;
        let unreadable = |error| unreadable(&self.file, &error);
        let rows = count_rows(&self.file).await.map_err(unreadable)?;
        let mut lines = open(&self.file).await.map_err(unreadable)?;
        lines.next_line().await.map_err(unreadable)?;
        let (table, done) = (context.client().table(&self.table), AtomicU64::new(0));
        let progress = context.progress(rows, "rows loaded");
        // Counted from 2: line 1 is the header.
        let numbered = stream::try_unfold((lines, 2_u64), async |(mut lines, number)| {
            let line = lines.next_line().await.map_err(unreadable)?;
            WireResult::Ok(line.map(|line| ((number, line), (lines, number + 1))))
        });
        let written = numbered.try_for_each_concurrent(AT_ONCE, async |(number, line)| {
            put(&table, number, &line).await?;
            let count = done.fetch_add(1, Ordering::Relaxed) + 1;
            if count % PROGRESS_EVERY == 0 {
                progress.at(count);
            }
            Ok(())
        });
        let result = written.await;
        progress.clear();
        let loaded = done.into_inner();
        result.map_err(|error| partly(loaded, error))?;
        Ok(Output::new(&Loaded { loaded }, format!("{loaded} rows loaded into {}", self.table)))
    }
}

async fn put(table: &Table, number: u64, line: &str) -> WireResult<()> {
    let (hash_key, sort_key, value) = columns(line).ok_or_else(|| malformed(number))?;
    let in_line = |error: ClientError| {
        let error = WireError::from(error);
        WireError { message: format!("line {number}: {}", error.message), ..error }
    };
    table.put(hash_key.as_bytes(), sort_key.as_bytes(), value.to_owned()).await.map_err(in_line)
}

/// Hash key, sort key, value; a line of two columns has an empty value.
fn columns(line: &str) -> Option<(&str, &str, &str)> {
    let (hash_key, rest) = line.split_once('\t')?;
    let (sort_key, value) = rest.split_once('\t').unwrap_or((rest, ""));
    Some((hash_key, sort_key, value))
}

async fn open(file: &PathBuf) -> std::io::Result<Lines<BufReader<File>>> {
    Ok(BufReader::with_capacity(1 << 16, File::open(file).await?).lines())
}

async fn count_rows(file: &PathBuf) -> std::io::Result<u64> {
    let mut lines = open(file).await?;
    let mut count = 0_u64;
    while lines.next_line().await?.is_some() {
        count += 1;
    }
    Ok(count.saturating_sub(1))
}

fn unreadable(file: &std::path::Path, error: &std::io::Error) -> WireError {
    let hint = "give a readable file of tab-separated UTF-8 text";
    WireError::new(ErrorCode::InvalidArgument, format!("cannot read {}: {error}", file.display()), hint)
}

fn malformed(number: u64) -> WireError {
    let hint = "every line needs a hash key and a sort key, separated by a tab";
    WireError::new(ErrorCode::InvalidArgument, format!("line {number} has no tab"), hint)
}

fn partly(loaded: u64, error: WireError) -> WireError {
    let message = format!("{loaded} rows were loaded, then: {}", error.message);
    WireError { message, ..error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_hash_key_sort_key_and_the_rest() {
        assert_eq!(columns("NL\t2745\tTexel\t53.05"), Some(("NL", "2745", "Texel\t53.05")));
        assert_eq!(columns("NL\t2745"), Some(("NL", "2745", "")));
        assert_eq!(columns("NL"), None);
    }
}
