//! The real input of demos and tests: 34,006 cities, by country and geoname id.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

/// Rows of the file, without its header.
pub const COUNT: usize = 34_006;

/// The file.
#[must_use]
pub fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../scripts/data/cities.tsv")
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
