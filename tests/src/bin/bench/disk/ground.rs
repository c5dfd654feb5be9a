//! The cluster under test: nodes with two disks, and a table of one partition for each size of replica.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use common::types::Gpid;
use tests::cluster::{Cluster, Options};
use tests::wait;
use tests::workload::{Bulk, History, Store};
use tokio::time::Instant;

use super::checks::Failures;
use super::load::no_history;
use crate::report::{Verdict, say};

/// Values that are loaded: large, so that loading takes minutes and not an hour.
const VALUE_BYTES: usize = 16_000;
/// Compaction after loading ends within this.
const SETTLED_WITHIN: Duration = Duration::from_secs(300);
/// Nothing has changed for so long: it is over.
const SETTLED: Duration = Duration::from_secs(3);

/// The cluster, its tables, and what failed on them.
pub(crate) struct Ground {
    pub(crate) cluster: Cluster,
    pub(crate) loaded: Vec<Loaded>,
    pub(crate) failures: Failures,
}

/// A table of one partition with about so many bytes.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub(crate) table: String,
    pub(crate) gpid: Gpid,
    pub(crate) store: Store,
    pub(crate) bulk: Bulk,
    /// What all loads on it wrote.
    pub(crate) history: Arc<History>,
    pub(crate) bytes: u64,
}

impl Ground {
    /// Starts so many nodes with these settings, with a table of one partition of each size, and loads everything.
    ///
    /// # Errors
    /// It does not start, or a write fails.
    pub(crate) async fn start(nodes: usize, sizes: &[u64], mut settings: Vec<(&'static str, String)>) -> Result<Self> {
        settings.push(("logging.format", "json".to_owned()));
        let cluster = Cluster::start_with(Options { nodes, settings, ..Options::default() }).await?;
        let mut ground = Self { cluster, loaded: Vec::new(), failures: Failures::default() };
        for &bytes in sizes {
            let loaded = ground.load(bytes).await?;
            ground.loaded.push(loaded);
        }
        ground.settle().await?;
        Ok(ground)
    }

    async fn load(&self, bytes: u64) -> Result<Loaded> {
        let (began, table) = (Instant::now(), format!("size{}m", bytes / 1_000_000));
        let route = self.cluster.create(&table, 1, 3).await?;
        let config = route.configs.first().context("a table without partitions")?;
        let gpid = config.gpid;
        let store = Store::new(&self.cluster.meta_address, None, &table);
        let bulk = Bulk { rows: bytes / VALUE_BYTES as u64, value_bytes: VALUE_BYTES };
        bulk.write(&store).await?;
        for member in config.members() {
            let node = self.cluster.node(self.cluster.index_of(member.peer).await?)?;
            node.ask(async |admin, deadline| admin.flush(deadline, gpid).await).await?;
        }
        eprintln!("loaded {table} in {:.1} s", began.elapsed().as_secs_f64());
        Ok(Loaded { table, gpid, store, bulk, history: no_history(), bytes })
    }

    /// Waits until compactions have ended: until no table file comes or goes.
    async fn settle(&self) -> Result<()> {
        let (mut seen, mut since) = (self.files()?, Instant::now());
        wait::until("the end of compactions", SETTLED_WITHIN, async || {
            let now = self.files()?;
            if now != seen {
                (seen, since) = (now, Instant::now());
            }
            wait::holds(since.elapsed() >= SETTLED, || "files come and go".to_owned())
        })
        .await
    }

    fn files(&self) -> Result<Vec<std::path::PathBuf>> {
        let mut found = Vec::new();
        for (_, disk) in self.cluster.nodes.iter().flat_map(|node| &node.disks) {
            for loaded in &self.loaded {
                let dir = disk.join(tests::disks::live(loaded.gpid)).join("rdb");
                found.extend(std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()));
            }
        }
        found.sort();
        Ok(found)
    }

    /// The replica of middle size: where one will do.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn middle(&self) -> Result<&Loaded> {
        self.loaded.get(1).context("no replica of middle size")
    }

    /// How many operations failed, over everything that was measured.
    ///
    /// # Errors
    /// A read was wrong.
    pub(crate) async fn finish(self) -> Result<Verdict> {
        let (failed, operations) = self.failures.end()?;
        say(&format!("\n{operations} foreground operations in all, {failed} failed; no read was wrong or stale."));
        Ok(Verdict::at_most("failed foreground operations", failed as f64, 0.0))
    }
}
