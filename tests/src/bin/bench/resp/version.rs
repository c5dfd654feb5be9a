//! What programs of others call themselves.

use std::io::ErrorKind;

use anyhow::{Context as _, Result};
use tokio::process::Command;

/// The name and the number, if the program is installed.
///
/// # Errors
/// It cannot be run.
pub(crate) async fn of(program: &str) -> Result<Option<String>> {
    let output = match Command::new(program).arg("--version").output().await {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        output => output.with_context(|| format!("running {program}"))?,
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let words = text.lines().next().unwrap_or_default().split_whitespace();
    Ok(Some(words.take(3).collect::<Vec<_>>().join(" ")))
}
