//! The real input of demos and tests: 34,006 cities, by country and geoname id.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Rows of the file, without its header.
pub const COUNT: usize = 34_006;

/// The file; relative to the working directory where it lies below it.
#[must_use]
pub fn file() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("scripts").join("data/cities.tsv");
    let relative = std::env::current_dir().ok().and_then(|dir| Some(path.strip_prefix(dir).ok()?.to_owned()));
    relative.unwrap_or(path)
}

/// Its rows as `load` stores them: hash key, sort key, the rest.
///
/// # Errors
/// The file is missing or not as expected.
pub fn rows() -> Result<Vec<(String, String, String)>> {
    let text = std::fs::read_to_string(file()).with_context(|| format!("cannot read {}", file().display()))?;
    let row = |line: &str| {
        let mut parts = line.splitn(3, '\t').map(str::to_owned);
        Some((parts.next()?, parts.next()?, parts.next()?))
    };
    text.lines().skip(1).map(|line| row(line).with_context(|| format!("not three columns: {line}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_city_has_a_key_of_its_own() {
        let mut keys: Vec<_> = rows().unwrap().into_iter().map(|(hash, sort, _)| (hash, sort)).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), COUNT);
    }
}
