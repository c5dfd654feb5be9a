//! Many records: `scan` and `count`.

use bytes::Bytes;
use clap::Args;
use client::{Record, Scope};
use common::rpc::WireResult;
use serde::Serialize;

use crate::args::key_parser;
use crate::context::Context;
use crate::escape::escape;
use crate::output::{Output, table};

/// `scan`.
#[derive(Args, Clone, Debug)]
pub struct Scan {
    /// The table
    #[arg(short, long)]
    table: String,
    /// Records to list at most, 0 for all
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Only records of this hash key
    #[arg(value_parser = key_parser())]
    hash_key: Option<Bytes>,
}

/// `count`.
#[derive(Args, Clone, Debug)]
pub struct Count {
    /// The table
    #[arg(short, long)]
    table: String,
}

#[derive(Serialize)]
struct Records {
    records: Vec<RecordView>,
    /// There are records beyond the limit.
    more: bool,
}

#[derive(Serialize)]
struct RecordView {
    hash_key: String,
    sort_key: String,
    value: String,
}

#[derive(Serialize)]
struct Counted {
    count: u64,
}

impl Scan {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        let scope = self.hash_key.map_or(Scope::Table, Scope::HashKey);
        let mut scanner = context.client().table(&self.table).scan(scope);
        let limit = if self.limit == 0 { usize::MAX } else { self.limit };
        let mut records: Vec<RecordView> = Vec::new();
        while records.len() <= limit
            && let Some(page) = scanner.next_page().await?
        {
            records.extend(page.iter().map(view));
        }
        let more = records.len() > limit;
        records.truncate(limit);
        Ok(output(records, more))
    }
}

fn view(record: &Record) -> RecordView {
    RecordView { hash_key: escape(&record.hash_key), sort_key: escape(&record.sort_key), value: escape(&record.value) }
}

fn output(records: Vec<RecordView>, more: bool) -> Output {
    let row = |r: &RecordView| vec![r.hash_key.clone(), r.sort_key.clone(), r.value.clone()];
    let mut text = table(&["hash_key", "sort_key", "value"], records.iter().map(row));
    if more {
        text.push_str("(there are more: raise --limit, 0 for all)\n");
    }
    Output::new(&Records { records, more }, text)
}

impl Count {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        let count = context.client().table(&self.table).count(Scope::Table).await?;
        Ok(Output::new(&Counted { count }, count.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn records_are_printed_with_escapes_and_say_if_there_are_more() {
        let record = Record { hash_key: Bytes::from_static(b"a\0"), sort_key: Bytes::new(), value: "ü\n".into() };
        let output = output(vec![view(&record)], true);
        assert_eq!(
            output.json,
            json!({"records": [{"hash_key": "a\\x00", "sort_key": "", "value": "ü\\n"}], "more": true})
        );
        assert!(output.text.contains("raise --limit"), "{}", output.text);
    }
}
