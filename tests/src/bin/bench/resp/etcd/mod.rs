//! A real etcd of three members that sync every write, which is how it comes.

mod puts;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::future::join_all;
use tempfile::TempDir;
use tests::process::Process;
use tests::{ports, wait};

pub(crate) use self::puts::Puts;
use super::sides::Side;
use super::version;
use crate::servers::{Servers, get};

const PROGRAM: &str = "etcd";
const MEMBERS: usize = 3;
const READY_WITHIN: Duration = Duration::from_secs(30);
/// Its own limit of 2 GiB is for what it keeps of all revisions; reaching it would stop the benchmark.
const QUOTA_BYTES: u64 = 8 << 30;
/// On a machine whose processors are all busy a leader is late; nobody shall stand for election for that.
const HEARTBEAT_MS: u64 = 500;
const ELECTION_MS: u64 = 5000;

/// Its processes, killed when dropped.
pub(crate) struct Etcd {
    _processes: Vec<Process>,
    _dir: TempDir,
}

/// A member, before it is started.
struct Member {
    name: String,
    client: String,
    peer: String,
}

impl Etcd {
    /// What the program calls itself, if it is installed.
    ///
    /// # Errors
    /// It cannot be run.
    pub(crate) async fn version() -> Result<Option<String>> {
        version::of(PROGRAM).await
    }

    /// Three members on this machine; returns when one leads and has taken a write.
    ///
    /// # Errors
    /// One does not start, or none leads.
    pub(crate) async fn start() -> Result<(Self, Side)> {
        let dir = tempfile::Builder::new().prefix("godwit-etcd-").tempdir()?;
        let members = (1..=MEMBERS).map(Member::new).collect::<Result<Vec<_>>>()?;
        let all: Vec<_> = members.iter().map(|member| format!("{}=http://{}", member.name, member.peer)).collect();
        let mut processes = Vec::new();
        for member in &members {
            let home = dir.path().join(&member.name);
            let args = member.arguments(&all.join(","), &home.display().to_string());
            let log = dir.path().join(format!("{}.log", member.name));
            let mut process = Process::new(PROGRAM, PathBuf::from(PROGRAM), args, log);
            process.start()?;
            processes.push(process);
        }
        let leader = wait::until("etcd to have a leader", READY_WITHIN, async || leader(&members).await).await?;
        Puts::connect(&leader).await?.put("ready", "yes").await?;
        let pids = processes.iter().map(|process| process.id().context("etcd is gone"));
        let servers = Servers::of(pids.collect::<Result<_>>()?);
        Ok((Self { _processes: processes, _dir: dir }, Side { name: "etcd", addresses: vec![leader], servers }))
    }
}

impl Member {
    fn new(number: usize) -> Result<Self> {
        let address = || ports::free().map(|port| format!("127.0.0.1:{port}"));
        Ok(Self { name: format!("member{number}"), client: address()?, peer: address()? })
    }

    fn arguments(&self, all: &str, home: &str) -> Vec<String> {
        let (client, peer) = (format!("http://{}", self.client), format!("http://{}", self.peer));
        [
            ("--name", self.name.clone()),
            ("--data-dir", home.to_owned()),
            ("--listen-client-urls", client.clone()),
            ("--advertise-client-urls", client),
            ("--listen-peer-urls", peer.clone()),
            ("--initial-advertise-peer-urls", peer),
            ("--initial-cluster", all.to_owned()),
            ("--quota-backend-bytes", QUOTA_BYTES.to_string()),
            ("--heartbeat-interval", HEARTBEAT_MS.to_string()),
            ("--election-timeout", ELECTION_MS.to_string()),
        ]
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value])
        .collect()
    }
}

/// Where the member listens that leads.
async fn leader(members: &[Member]) -> Result<String> {
    let metrics = join_all(members.iter().map(|member| get(&member.client, "/metrics"))).await;
    let leads = |text: &Result<String>| text.as_ref().is_ok_and(|text| text.contains("\netcd_server_is_leader 1"));
    let (leader, _) = members.iter().zip(&metrics).find(|(_, text)| leads(text)).context("no member leads")?;
    Ok(leader.client.clone())
}
