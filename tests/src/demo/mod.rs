//! The demo: each step shows a command and what it prints, and fails if what it should show is not there.

mod steps;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tokio::time::Instant;

use crate::programs;
use crate::workload::Store;

/// The table of the demo.
const TABLE: &str = "demo";

/// A running onebox.
#[derive(Clone, Debug)]
pub struct Place {
    /// `scripts/onebox.sh`.
    pub onebox: PathBuf,
    /// Its directory.
    pub dir: PathBuf,
    /// What was added to every port.
    pub port_offset: u16,
    /// Move without a rate limit.
    pub fast: bool,
}

/// The demo under way.
#[derive(Debug)]
pub struct Demo {
    place: Place,
    meta: String,
    store: Store,
    began: Instant,
}

/// The replica that moves.
#[derive(Clone, Debug)]
struct Chosen {
    gpid: String,
    node: String,
    size_bytes: u64,
}

impl Demo {
    /// On a running onebox.
    #[must_use]
    pub fn new(place: Place) -> Self {
        let meta = format!("127.0.0.1:{}", 34_601 + place.port_offset);
        Self { store: Store::new(&meta, None, TABLE), meta, place, began: Instant::now() }
    }

    /// All steps.
    ///
    /// # Errors
    /// Something is missing or wrong.
    pub async fn run(&self) -> Result<()> {
        let bulk = self.fill().await?;
        let chosen = self.choose()?;
        let mut workload = self.move_under_load(&chosen).await?;
        self.kill_a_node(&chosen, &mut workload).await?;
        self.read_back(&chosen, workload, bulk).await?;
        self.heading("done");
        Ok(())
    }

    fn heading(&self, text: &str) {
        println!("\n== {text}   [{:.1} s]", self.began.elapsed().as_secs_f64());
    }

    /// Runs `admin-cli` visibly. A workload goes on beside it.
    fn show(&self, args: &[&str]) -> Result<()> {
        println!("$ admin-cli {}", args.join(" "));
        let mut command = self.cli(args)?;
        let status = tokio::task::block_in_place(|| command.status())?;
        if status.success() { Ok(()) } else { bail!("admin-cli {} failed", args.join(" ")) }
    }

    /// Runs `admin-cli --json` and takes its document.
    fn ask(&self, args: &[&str]) -> Result<Value> {
        let mut command = self.cli(args)?;
        command.arg("--json").stdout(Stdio::piped());
        let output = tokio::task::block_in_place(|| command.output())?;
        if !output.status.success() {
            bail!("admin-cli {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        serde_json::from_slice(&output.stdout).context("admin-cli --json did not print one document")
    }

    fn cli(&self, args: &[&str]) -> Result<Command> {
        let mut command = Command::new(programs::find("admin-cli")?);
        command.args(["--meta", &self.meta]).args(args).stdin(Stdio::null());
        Ok(command)
    }
}

/// The elements of a list in a document.
fn list<'a>(document: &'a Value, name: &str) -> Result<&'a Vec<Value>> {
    document.get(name).and_then(Value::as_array).with_context(|| format!("no list '{name}' in {document}"))
}

/// A text in a document.
fn text<'a>(document: &'a Value, name: &str) -> Result<&'a str> {
    document.get(name).and_then(Value::as_str).with_context(|| format!("no text '{name}' in {document}"))
}
