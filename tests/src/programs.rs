//! Where the programs under test are: beside the running test or tool, in cargo's target directory.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

/// The path of a built program.
///
/// # Errors
/// It was not built; the message says how.
pub fn find(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().context("cannot tell where this program is")?;
    // Tests lie in `release/deps`, tools in `release`.
    let near = own.ancestors().skip(1).take(2).map(|dir| dir.join(name));
    match near.into_iter().find(|path| path.is_file()) {
        Some(path) => Ok(path),
        None => bail!("{name} is not beside {}: run cargo build --release --workspace --bins", own.display()),
    }
}
