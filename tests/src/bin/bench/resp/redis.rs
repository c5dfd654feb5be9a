//! A real Redis: one server, or one with two replicas.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tempfile::TempDir;
use tests::process::Process;
use tests::{ports, wait};

use super::lines::Lines;
use super::sides::Side;
use super::version;
use crate::servers::Servers;

const PROGRAM: &str = "redis-server";
const READY_WITHIN: Duration = Duration::from_secs(30);
/// Replicas of one whose writes are to be safe.
pub(crate) const REPLICAS: usize = 2;

/// Its processes, killed when dropped.
pub(crate) struct Redis {
    processes: Vec<Process>,
    ports: Vec<u16>,
    dir: TempDir,
}

impl Redis {
    /// What the program calls itself.
    ///
    /// # Errors
    /// It is not installed.
    pub(crate) async fn version() -> Result<String> {
        version::of(PROGRAM).await?.context("redis-server is missing: apt-get install redis-server")
    }

    /// A server that writes nothing to the disk, or one with two replicas that all sync every write.
    ///
    /// # Errors
    /// One does not start, or a replica does not follow.
    pub(crate) async fn start(durable: bool) -> Result<(Self, Side)> {
        let dir = tempfile::Builder::new().prefix("godwit-redis-").tempdir()?;
        let mut redis = Self { processes: vec![], ports: vec![], dir };
        for _ in 0..if durable { 1 + REPLICAS } else { 1 } {
            redis.add(durable).await?;
        }
        let address = format!("127.0.0.1:{}", redis.ports.first().context("no server")?);
        if durable {
            followed(&address).await?;
        }
        let pids = redis.processes.iter().map(|process| process.id().context("redis-server is gone"));
        let servers = Servers::of(pids.collect::<Result<_>>()?);
        Ok((redis, Side { name: "Redis", addresses: vec![address], servers }))
    }

    /// The first leads, the others follow it.
    async fn add(&mut self, durable: bool) -> Result<()> {
        let port = ports::free()?;
        let home = self.dir.path().join(port.to_string());
        std::fs::create_dir_all(&home)?;
        let mut args = vec!["--port".to_owned(), port.to_string(), "--dir".to_owned(), home.display().to_string()];
        args.extend(["--bind", "127.0.0.1", "--save", "", "--appendonly"].map(str::to_owned));
        args.extend(
            if durable { vec!["yes", "--appendfsync", "always"] } else { vec!["no"] }.into_iter().map(str::to_owned),
        );
        if let Some(first) = self.ports.first() {
            args.extend(["--replicaof".to_owned(), "127.0.0.1".to_owned(), first.to_string()]);
        }
        let mut process = Process::new(PROGRAM, PathBuf::from(PROGRAM), args, home.join("log"));
        process.start()?;
        self.processes.push(process);
        self.ports.push(port);
        answers(&format!("127.0.0.1:{port}")).await
    }
}

async fn answers(address: &str) -> Result<()> {
    wait::until("redis-server to answer", READY_WITHIN, async || {
        Lines::connect(address).await?.expect(b"PING\r\n", "+PONG").await
    })
    .await
}

async fn followed(address: &str) -> Result<()> {
    wait::until("replicas to follow", READY_WITHIN, async || {
        let mut lines = Lines::connect(address).await?;
        lines.expect(b"SET followed yes\r\n", "+OK").await?;
        lines.expect(format!("WAIT {REPLICAS} 1000\r\n").as_bytes(), &format!(":{REPLICAS}")).await
    })
    .await
}
