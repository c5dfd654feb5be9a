//! The cluster under test: a onebox in a directory of its own, taken down whatever happens.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use client::{Client, ClientOptions, Repeat, Table};
use tokio::time::Instant;

use crate::servers::Servers;

const META: &str = "127.0.0.1:34601";
const TABLE: &str = "bench";
const NODES: u16 = 3;
const COMPLETE_WITHIN: Duration = Duration::from_secs(60);

/// What is started.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// `scripts/onebox.sh`.
    pub(crate) onebox: PathBuf,
    /// Where its data go.
    pub(crate) dir: PathBuf,
    /// `log.sync`.
    pub(crate) sync: String,
    /// Further settings, KEY=VALUE.
    pub(crate) set: Vec<String>,
}

/// A running onebox.
#[derive(Debug)]
pub(crate) struct Cluster {
    plan: Plan,
    client: Client,
    servers: Servers,
    cleared: bool,
}

impl Cluster {
    /// Starts it and finds its processes.
    ///
    /// # Errors
    /// The script fails.
    pub(crate) async fn start(plan: Plan) -> Result<Self> {
        std::fs::create_dir_all(&plan.dir)?;
        let nodes = NODES.to_string();
        let mut args = vec!["start", "--nodes", &nodes, "--disks", "2", "--sync", &plan.sync];
        args.extend(plan.set.iter().flat_map(|setting| ["--set", setting.as_str()]));
        onebox(&plan, &args)?;
        let http = (1..=NODES).map(|node| format!("127.0.0.1:{}", 34900 + node)).collect();
        let servers = Servers::find(&plan.dir.join("pids"), http);
        let client = Client::new(ClientOptions::new([META]));
        // From here on dropping it takes it down.
        let mut cluster = Self { plan, client, servers: Servers::default(), cleared: false };
        cluster.servers = servers?;
        Ok(cluster)
    }

    /// Its processes.
    #[must_use]
    pub(crate) const fn servers(&self) -> &Servers {
        &self.servers
    }

    /// Creates the table and waits until every partition has all replicas.
    ///
    /// # Errors
    /// It is not complete in time.
    pub(crate) async fn create_table(&self, partitions: u32) -> Result<Table> {
        let replicas = u32::from(NODES);
        let meta = self.client.meta();
        let create = meta.ask(Repeat::IfNotSent, |client, context| async move {
            client.create_table(context, TABLE.to_owned(), partitions, replicas).await
        });
        create.await.context("creating the table")?;
        let deadline = Instant::now() + COMPLETE_WITHIN;
        loop {
            let route = |client: common::rpc::meta_admin::MetaAdminServiceClient, context| async move {
                client.route(context, TABLE.to_owned()).await
            };
            let healthy = meta.ask(Repeat::Safe, route).await?.table.healthy;
            if healthy == partitions {
                return Ok(self.client.table(TABLE));
            }
            if Instant::now() > deadline {
                bail!(
                    "{healthy} of {partitions} partitions are complete after {COMPLETE_WITHIN:?}; see {}",
                    self.plan.dir.display()
                );
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Stops it and removes its data.
    ///
    /// # Errors
    /// The script fails.
    pub(crate) fn clear(mut self) -> Result<()> {
        self.cleared = true;
        onebox(&self.plan, &["clear"])
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.cleared {
            return;
        }
        if let Err(error) = onebox(&self.plan, &["clear"]) {
            eprintln!("the cluster in {} may still run: {error:#}", self.plan.dir.display());
        }
    }
}

fn onebox(plan: &Plan, args: &[&str]) -> Result<()> {
    let mut command = Command::new(&plan.onebox);
    // What it prints is for people, and stdout is the table's.
    let output = command.args(args).arg("--dir").arg(&plan.dir).output();
    let output = output.with_context(|| format!("running {}", plan.onebox.display()))?;
    if !output.status.success() {
        bail!("onebox.sh {} failed: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
