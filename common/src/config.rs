//! Settings in four layers: flags over environment over TOML file over defaults.
//!
//! A process states its settings as a serde struct with `Default` and documents each key in [`Settings::docs`]. All
//! layers become one TOML table of dotted keys, which is then read into the struct; so a value given in any layer is
//! checked in the same way, and [`print()`] can show the result with what every key means.

mod args;
mod print;
mod units;

use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

pub use args::ConfigArgs;
pub use print::print;
pub use units::{ByteSize, HumanDuration, ParseUnitError};

/// What the environment variables of settings begin with; `log.sync` is `GODWIT_LOG_SYNC`.
pub const ENV_PREFIX: &str = "GODWIT_";

/// The settings of a process. The struct should `deny_unknown_fields`, so that a misspelt key in the file is refused.
pub trait Settings: Default + Serialize + DeserializeOwned {
    /// Every dotted key with its meaning, one sentence with the unit; keys of a section stand together.
    fn docs() -> Vec<(&'static str, &'static str)>;
}

/// Where values come from, weakest first: file, environment, flags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// A TOML file; it must exist if it is named.
    pub file: Option<PathBuf>,
    /// The whole environment; what is not `GODWIT_<known key>` is passed over.
    pub environment: Vec<(String, String)>,
    /// Dotted keys with their values as text; the last of a key wins.
    pub flags: Vec<(String, String)>,
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {0}: {1}; check --config")]
    Unreadable(PathBuf, std::io::Error),
    /// The file is no TOML.
    #[error("the configuration file {0} is not TOML: {1}")]
    Syntax(PathBuf, toml::de::Error),
    /// A flag names a key that is not there.
    #[error("there is no setting '{0}'; --print-config shows all")]
    UnknownKey(String),
    /// A value, or a key of the file, is wrong.
    #[error("wrong setting: {0}; --print-config shows all with their form")]
    Invalid(String),
}

/// Reads the layers.
///
/// # Errors
/// [`ConfigError`].
pub fn load<S: Settings>(sources: &Sources) -> Result<S, ConfigError> {
    let defaults = table_of(&S::default())?;
    let mut table = defaults.clone();
    if let Some(path) = &sources.file {
        merge(&mut table, read(path)?);
    }
    for (key, _) in S::docs() {
        let name = variable(key);
        if let Some((_, text)) = sources.environment.iter().find(|(n, _)| *n == name) {
            set(&mut table, &defaults, key, text)?;
        }
    }
    for (key, text) in &sources.flags {
        if !S::docs().iter().any(|(known, _)| known == key) {
            return Err(ConfigError::UnknownKey(key.clone()));
        }
        set(&mut table, &defaults, key, text)?;
    }
    table.try_into().map_err(|e: toml::de::Error| ConfigError::Invalid(e.to_string().trim().to_owned()))
}

/// The environment variable of a key.
#[must_use]
pub fn variable(key: &str) -> String {
    format!("{ENV_PREFIX}{}", key.to_uppercase().replace(['.', '-'], "_"))
}

/// Keys that have a default but no meaning, or a meaning but no place in the struct: for a test in each binary, which
/// expects none. Keys whose default is `None` cannot be seen here.
#[must_use]
pub fn undocumented<S: Settings>() -> Vec<String> {
    let mut missing = Vec::new();
    if let Ok(table) = table_of(&S::default()) {
        collect_keys("", &table, &mut missing);
    }
    missing.retain(|key| !S::docs().iter().any(|(known, _)| known == key));
    missing
}

fn collect_keys(prefix: &str, table: &Table, keys: &mut Vec<String>) {
    for (name, value) in table {
        match value {
            Value::Table(inner) => collect_keys(&format!("{prefix}{name}."), inner, keys),
            Value::String(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Array(_) => keys.push(format!("{prefix}{name}")),
        }
    }
}

fn table_of<S: Serialize>(settings: &S) -> Result<Table, ConfigError> {
    Table::try_from(settings).map_err(|e| ConfigError::Invalid(e.to_string()))
}

fn read(path: &PathBuf) -> Result<Table, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|e| ConfigError::Unreadable(path.clone(), e))?;
    text.parse().map_err(|e| ConfigError::Syntax(path.clone(), e))
}

fn merge(below: &mut Table, above: Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}

fn get<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    match key.split_once('.') {
        Some((section, rest)) => get(table.get(section)?.as_table()?, rest),
        None => table.get(key),
    }
}

fn set(table: &mut Table, defaults: &Table, key: &str, text: &str) -> Result<(), ConfigError> {
    let value = value_of(text, get(defaults, key));
    let mut place = table;
    let mut name = key;
    while let Some((section, rest)) = name.split_once('.') {
        let inner = place.entry(section).or_insert_with(|| Value::Table(Table::new()));
        let wrong = || ConfigError::Invalid(format!("'{section}' in '{key}' is not a section"));
        place = inner.as_table_mut().ok_or_else(wrong)?;
        name = rest;
    }
    place.insert(name.to_owned(), value);
    Ok(())
}

/// A text as the type that the default has; without a default as what it looks like.
fn value_of(text: &str, default: Option<&Value>) -> Value {
    let string = || Value::String(text.to_owned());
    let literal = || format!("v = {text}").parse::<Table>().ok().and_then(|mut t| t.remove("v"));
    match default {
        Some(Value::String(_)) => string(),
        Some(Value::Array(_)) if !text.trim_start().starts_with('[') => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
        }
        Some(_) | None => literal().unwrap_or_else(string),
    }
}

#[cfg(test)]
mod tests;
