//! Unmodified Redis clients: what `scripts/redis_clients.sh` installs, as programs of their own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::OnceCell;
use tokio::time::timeout;

/// A client begins to work, and ends, within this.
const WITHIN: Duration = Duration::from_secs(60);
/// The first time, clients are fetched and installed.
const INSTALL: Duration = Duration::from_secs(300);

/// What a client saw until it was told to stop (`tests/clients/`).
#[derive(Clone, Debug, Deserialize)]
pub struct Report {
    /// Operations that were answered.
    pub operations: u64,
    /// Errors that the client let through, by kind.
    pub errors: BTreeMap<String, u64>,
    /// Wrong answers, each in words.
    pub wrong: Vec<String>,
}

/// A client at work: it writes, reads back and judges.
#[derive(Debug)]
pub struct Mission {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Mission {
    /// redis-py's `RedisCluster`, told of these addresses; returns when it works. With `stale_max` it reads from replicas
    /// too, which may lack what was acknowledged within that time.
    ///
    /// # Errors
    /// It cannot be installed, or does not start.
    pub async fn python(addresses: &[String], stale_max: Option<Duration>) -> Result<Self> {
        let mut command = Command::new(installed().await?.join("python/bin/python"));
        command.arg(script("mission.py")).arg(addresses.join(","));
        Self::start(command, stale_max).await
    }

    /// node-redis' `createCluster`, in the same way.
    ///
    /// # Errors
    /// It cannot be installed, or does not start.
    pub async fn node(addresses: &[String], stale_max: Option<Duration>) -> Result<Self> {
        let modules = installed().await?.join("node");
        let mut command = Command::new("node");
        command.arg(script("mission.mjs")).arg(addresses.join(",")).arg(modules);
        Self::start(command, stale_max).await
    }

    async fn start(mut command: Command, stale_max: Option<Duration>) -> Result<Self> {
        command.args(stale_max.map(|stale_max| stale_max.as_secs_f64().to_string()));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let input = child.stdin.take().context("no input")?;
        let mut output = BufReader::new(child.stdout.take().context("no output")?);
        let mut line = String::new();
        timeout(WITHIN, output.read_line(&mut line)).await.context("the client does not begin")??;
        if line.trim() == "working" { Ok(Self { child, input, output }) } else { bail!("the client said {line:?}") }
    }

    /// Tells it to stop, and what it saw.
    ///
    /// # Errors
    /// It ended by itself, or does not end.
    pub async fn end(self) -> Result<Report> {
        let Self { mut child, input, mut output } = self;
        drop(input);
        let mut text = String::new();
        timeout(WITHIN, output.read_to_string(&mut text)).await.context("the client does not end")??;
        timeout(WITHIN, child.wait()).await.context("the client does not exit")??;
        serde_json::from_str(&text).with_context(|| format!("the client reported {text:?}"))
    }
}

/// What a program of the Redis distribution prints; `arguments` after `-h HOST -p PORT`.
///
/// # Errors
/// It cannot be installed, or failed.
pub async fn run(program: &str, address: &str, arguments: &[&str]) -> Result<String> {
    installed().await?;
    let (host, port) = address.rsplit_once(':').context("host:port")?;
    let ran = Command::new(program).args(["-h", host, "-p", port]).args(arguments).stdin(Stdio::null()).output();
    let output = timeout(WITHIN, ran).await.with_context(|| format!("{program} does not end"))??;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(text)
    } else {
        bail!("{program} {arguments:?} failed: {text}{}", String::from_utf8_lossy(&output.stderr))
    }
}

/// Where pip and npm have installed; does it first if need be.
async fn installed() -> Result<&'static Path> {
    static INSTALLED: OnceCell<PathBuf> = OnceCell::const_new();
    INSTALLED.get_or_try_init(install).await.map(PathBuf::as_path)
}

async fn install() -> Result<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/redis_clients.sh");
    let ran =
        timeout(INSTALL, Command::new(script).output()).await.context("the clients are not installed in time")??;
    let text = String::from_utf8(ran.stdout)?;
    let last = text.lines().last().filter(|_| ran.status.success());
    last.map(PathBuf::from)
        .with_context(|| format!("scripts/redis_clients.sh: {}", String::from_utf8_lossy(&ran.stderr)))
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(name)
}
