//! Breaking connections between processes that live on.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// Ends every connection to an address as the kernel sees it; both sides find theirs broken. Needs root and a kernel
/// that lets sockets be destroyed.
///
/// # Errors
/// No such connection, or the kernel refuses.
pub fn break_connections_to(address: &str) -> Result<()> {
    let port = address.rsplit_once(':').map(|(_, port)| format!(":{port}")).context("no port")?;
    let filter = ["-K", "-H", "-t", "state", "established", "dport", "=", port.as_str()];
    let done = Command::new("ss").args(filter).output().context("cannot run ss")?;
    if done.status.success() && !done.stdout.is_empty() {
        return Ok(());
    }
    bail!("no connection to {address} was broken: {}", String::from_utf8_lossy(&done.stderr).trim())
}
