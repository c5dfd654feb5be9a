//! Settings as commented TOML that can be saved and used as a file.

use std::fmt::Write;

use super::{ConfigError, Settings, get, table_of, variable};

/// Every key with its meaning, default and environment variable.
///
/// # Errors
/// The settings cannot be written as TOML.
pub fn print<S: Settings>(settings: &S) -> Result<String, ConfigError> {
    let (now, defaults) = (table_of(settings)?, table_of(&S::default())?);
    let mut docs = S::docs();
    // TOML wants the keys without a section first; the order within is the author's.
    docs.sort_by_key(|(key, _)| key.contains('.'));
    let mut text = String::new();
    let mut section = "";
    for (key, meaning) in docs {
        let (own, name) = key.rsplit_once('.').unwrap_or(("", key));
        if own != section {
            section = own;
            let _ = write!(text, "[{section}]\n\n");
        }
        let default = get(&defaults, key).map_or_else(|| "none".to_owned(), ToString::to_string);
        let _ = writeln!(text, "# {meaning}\n# default: {default}; environment: {}", variable(key));
        match get(&now, key) {
            Some(value) => writeln!(text, "{name} = {value}\n"),
            None => writeln!(text, "# {name} =\n"),
        }
        .ok();
    }
    Ok(text)
}
