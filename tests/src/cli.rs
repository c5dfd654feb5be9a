//! Runs `admin-cli` as a script would.

use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::programs;

/// What it printed and how it exited.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ran {
    /// The one document on stdout.
    ///
    /// # Errors
    /// It failed, or stdout is not exactly one JSON document.
    pub fn json(&self) -> Result<Value> {
        if self.code != 0 {
            bail!("exit code {}: {}", self.code, self.stderr);
        }
        serde_json::from_str(&self.stdout).with_context(|| format!("not one document: {}", self.stdout))
    }

    /// The error on stderr, while stdout is empty.
    ///
    /// # Errors
    /// There is something on stdout, or stderr is not exactly one JSON document.
    pub fn error(&self) -> Result<Value> {
        if !self.stdout.is_empty() {
            bail!("stdout is not empty: {}", self.stdout);
        }
        let document: Value =
            serde_json::from_str(&self.stderr).with_context(|| format!("not one document: {}", self.stderr))?;
        document.get("error").cloned().context("no error in it")
    }
}

/// Runs it against a cluster. Blocks: call it off the runtime's threads, or where nothing else waits.
///
/// # Errors
/// It was not built.
pub fn run(cluster: &Cluster, args: &[&str]) -> Result<Ran> {
    run_with_input(cluster, args, "")
}

/// The same with something on stdin.
///
/// # Errors
/// As [`run`].
pub fn run_with_input(cluster: &Cluster, args: &[&str], input: &str) -> Result<Ran> {
    let mut command = Command::new(programs::find("admin-cli")?);
    command.arg("--meta").arg(&cluster.meta_address).args(args);
    if let Some(file) = &cluster.secret_file {
        command.env("GODWIT_SECRET_FILE", file);
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that does not read its input closes it early.
        let _ = std::io::Write::write_all(&mut stdin, input.as_bytes());
    }
    Ok(ran(&child.wait_with_output()?))
}

fn ran(output: &Output) -> Ran {
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
