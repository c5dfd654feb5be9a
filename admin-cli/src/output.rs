//! What a command prints: for people a text, with `--json` exactly one document. Errors in both forms, and exit codes.

use std::io::Write as _;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use common::rpc::WireError;
use serde::Serialize;
use serde_json::{Value, json};

/// Exit codes that scripts can trust.
pub mod exit {
    /// Done.
    pub const OK: u8 = 0;
    /// Refused, or failed.
    pub const FAILED: u8 = 1;
    /// The command line itself is wrong; nothing was tried.
    pub const SYNTAX: u8 = 2;
}

/// The result of a command, in both forms.
#[derive(Clone, Debug)]
pub struct Output {
    /// For `--json`.
    pub json: Value,
    /// For people.
    pub text: String,
    /// A finding that makes the command fail although it has a result, as digests that differ.
    pub finding: Option<WireError>,
}

impl Output {
    /// A result: the document, and the text for people.
    pub fn new(view: &impl Serialize, text: impl Into<String>) -> Self {
        // Views are plain structs with string keys: they always serialize.
        Self { json: serde_json::to_value(view).unwrap_or(Value::Null), text: text.into(), finding: None }
    }

    /// The same result, with a finding.
    #[must_use]
    pub fn with_finding(self, finding: Option<WireError>) -> Self {
        Self { finding, ..self }
    }
}

/// Prints a result or an error and says how to exit.
pub fn print(result: &Result<Output, WireError>, json: bool) -> u8 {
    let (text, error) = match result {
        Ok(output) if json => (document(&output.json), None),
        Ok(output) => (with_newline(&output.text), output.finding.as_ref()),
        Err(error) => (String::new(), Some(error)),
    };
    // A reader that went away (`| head`) is no failure of the command.
    let _ = std::io::stdout().write_all(text.as_bytes()).and_then(|()| std::io::stdout().flush());
    if let Some(error) = error {
        eprintln!("{}", error_line(error, json));
    }
    if matches!(result, Ok(output) if output.finding.is_none()) { exit::OK } else { exit::FAILED }
}

fn document(value: &Value) -> String {
    with_newline(&serde_json::to_string_pretty(value).unwrap_or_default())
}

fn with_newline(text: &str) -> String {
    if text.is_empty() || text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
}

/// `error[CODE]: what. hint: what to do`, or the JSON form of it.
#[must_use]
pub fn error_line(error: &WireError, json: bool) -> String {
    if json {
        let inner = json!({ "code": error.code, "message": error.message, "hint": error.hint });
        return json!({ "error": inner }).to_string();
    }
    let message = error.message.trim_end_matches('.');
    let hint = if error.hint.is_empty() { String::new() } else { format!(" hint: {}", error.hint) };
    format!("error[{}]: {message}.{hint}", error.code)
}

/// A table for people: columns without borders, easy to cut and grep.
#[must_use]
pub fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(header);
    let rows: Vec<Vec<String>> = rows.into_iter().collect();
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        let numeric = |row: &Vec<String>| row.get(index).is_some_and(|cell| cell.parse::<f64>().is_ok());
        if !rows.is_empty() && rows.iter().all(numeric) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.add_rows(rows);
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// `-` for what is unknown.
#[must_use]
pub fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use common::rpc::ErrorCode;

    use super::*;

    #[test]
    fn an_error_says_code_cause_and_what_to_do_in_both_forms() {
        let error = WireError::new(ErrorCode::SameDisk, "disk1 is source and target", "give another disk with -t");
        assert_eq!(
            error_line(&error, false),
            "error[SAME_DISK]: disk1 is source and target. hint: give another disk with -t"
        );
        let document: Value = serde_json::from_str(&error_line(&error, true)).unwrap();
        assert_eq!(
            document,
            json!({"error": {
            "code": "SAME_DISK", "message": "disk1 is source and target", "hint": "give another disk with -t"}})
        );
    }

    #[test]
    fn an_error_without_a_hint_has_no_empty_one() {
        assert_eq!(error_line(&WireError::new(ErrorCode::Busy, "busy", ""), false), "error[BUSY]: busy.");
    }

    #[test]
    fn a_table_has_a_header_and_no_trailing_blanks() {
        let text = table(&["disk", "total"], [vec!["disk1".to_owned(), "3".to_owned()]]);
        assert_eq!(text, "disk   total\ndisk1      3\n");
    }
}
