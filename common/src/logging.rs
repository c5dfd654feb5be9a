//! How a process logs: to stderr, for people or as JSON lines, through one filter.

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

/// tarpc opens a span for every call; that is for who debugs tarpc, and costs everybody else.
const QUIET: &str = "tarpc=warn";

/// Form of the log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Pretty,
    /// One JSON document per line.
    Json,
}

/// The section `logging` of a process's settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoggingSettings {
    /// Form of the lines.
    pub format: LogFormat,
    /// What is logged, as `level` or `target=level`, comma-separated.
    pub filter: String,
}

impl Default for LoggingSettings {
    fn default() -> Self {
        Self { format: LogFormat::Pretty, filter: "info".to_owned() }
    }
}

impl LoggingSettings {
    /// The keys of this section, for `Settings::docs`.
    pub const DOCS: [(&'static str, &'static str); 2] = [
        ("logging.format", "Form of log lines: pretty or json."),
        ("logging.filter", "What is logged: a level (error, warn, info, debug) or target=level, comma-separated."),
    ];
}

/// Why logging cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The filter is malformed.
    #[error("'{0}' is no log filter: {1}; write for example info,replica_server=debug")]
    Filter(String, tracing_subscriber::filter::ParseError),
    /// It began already.
    #[error("logging is set up twice in this process")]
    Twice,
}

/// Begins logging for the whole process.
///
/// # Errors
/// [`LoggingError`].
pub fn init(settings: &LoggingSettings) -> Result<(), LoggingError> {
    let builder = tracing_subscriber::fmt().with_env_filter(filter(&settings.filter)?).with_writer(std::io::stderr);
    match settings.format {
        LogFormat::Pretty => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    }
    .map_err(|_| LoggingError::Twice)
}

fn filter(text: &str) -> Result<EnvFilter, LoggingError> {
    let whole = format!("{QUIET},{text}");
    EnvFilter::builder().parse(whole).map_err(|e| LoggingError::Filter(text.to_owned(), e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_read_and_a_wrong_one_refused_with_an_example() {
        assert!(filter("debug,common=warn").is_ok());
        assert!(filter("common=loud").unwrap_err().to_string().contains("info,"));
    }
}
