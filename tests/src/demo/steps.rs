//! The steps, in order.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::Value;

use super::{Chosen, Demo, TABLE, list, text};
use crate::cities;
use crate::workload::{Bulk, Options, Report, Workload};

const BULK: Bulk = Bulk { rows: 200_000, value_bytes: 1000 };
/// How long the copy should take where it is limited, so that its progress can be watched.
const COPY_SECONDS: u64 = 6;
/// Operations that must succeed after the node was killed, of each kind.
const AFTER_KILL: u64 = 2000;
const CHECKS_AT_ONCE: usize = 256;
const AFTER_KILL_WITHIN: Duration = Duration::from_secs(20);

impl Demo {
    /// A table with the cities and 200 MB of generated rows.
    pub(super) async fn fill(&self) -> Result<Bulk> {
        self.heading("a table of 4 partitions with 3 replicas each, on 3 nodes with 2 disks each");
        self.show(&["create", TABLE, "-p", "4", "-r", "3"])?;
        self.show(&["nodes"])?;
        self.heading("34,006 cities, then 200 MB of generated rows");
        let file = cities::file();
        self.show(&["load", &file.display().to_string(), "-t", TABLE])?;
        BULK.write(&self.store).await.context("writing the rows")?;
        println!("{} rows of {} bytes written", BULK.rows, BULK.value_bytes);
        Ok(BULK)
    }

    /// A primary on a disk1: the harder case, it is handed over first and handed back at the end.
    pub(super) fn choose(&self) -> Result<Chosen> {
        for node in list(&self.ask(&["nodes"])?, "nodes")? {
            let node = text(node, "address")?.to_owned();
            let disk = self.ask(&["disk-capacity", "-n", &node, "-d", "disk1"])?;
            let replicas = list(&disk, "replicas")?;
            let primary = replicas.iter().find(|replica| replica.get("status") == Some(&"primary".into()));
            if let Some(replica) = primary {
                let size_bytes = replica.get("size_bytes").and_then(Value::as_u64).unwrap_or_default();
                return Ok(Chosen { gpid: text(replica, "gpid")?.to_owned(), node, size_bytes });
            }
        }
        bail!("no primary lies on a disk1")
    }

    /// The move, with a writer and a reader running. Not one operation may fail.
    pub(super) async fn move_under_load(&self, chosen: &Chosen) -> Result<Workload> {
        let Chosen { gpid, node, size_bytes } = chosen;
        self.heading(&format!("{gpid} on {node} moves from disk1 to disk2 while its table is written and read"));
        self.show(&["disk-replica", "-n", node])?;
        let workload = Workload::start(self.store.clone(), Options::default());
        workload.progress(200, Duration::from_secs(10)).await?;
        workload.begin_phase();
        let rate = if self.place.fast { 0 } else { (size_bytes / COPY_SECONDS).div_ceil(1 << 20).max(1) };
        let rate = format!("{rate}MiB");
        let args =
            ["disk-migrate", "-n", node, "-g", gpid, "-f", "disk1", "-t", "disk2", "--max-rate", &rate, "--wait"];
        self.show(&args)?;
        let meanwhile = workload.begin_phase();
        self.show(&["disk-replica", "-n", node])?;
        self.show(&["disk-migrate-report", "-n", node])?;
        println!("\nmeanwhile: {}", describe(&meanwhile));
        if meanwhile.failed > 0 {
            bail!("operations failed while the replica moved: {:?}", meanwhile.failures);
        }
        self.on_disk2(chosen)?;
        Ok(workload)
    }

    /// SIGKILL to another node: leases run out, secondaries take over, reads and writes go on.
    pub(super) async fn kill_a_node(&self, chosen: &Chosen, workload: &mut Workload) -> Result<()> {
        let nodes = self.ask(&["nodes"])?;
        let other = list(&nodes, "nodes")?.iter().filter_map(|node| text(node, "address").ok());
        let victim = other.into_iter().find(|address| *address != chosen.node).context("no other node")?;
        let port: u16 = victim.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).context("no port")?;
        let index = port.checked_sub(34_800 + self.place.port_offset).context("not a port of a onebox")?.to_string();
        self.heading(&format!("{victim} is killed (SIGKILL); reads and writes go on"));
        workload.begin_phase();
        let mut kill = Command::new(&self.place.onebox);
        let killed = kill.args(["kill", &index, "--dir"]).arg(&self.place.dir).status()?;
        if !killed.success() {
            bail!("{victim} was not killed");
        }
        workload.progress(AFTER_KILL, AFTER_KILL_WITHIN).await?;
        let after = workload.begin_phase();
        println!("since then: {}; writes of unknown outcome: {}", describe(&after), after.unknown);
        println!("longest wait of one operation: {} ms (lease 2.5 s, grace 3 s)", after.slowest_ms);
        self.show(&["app", TABLE, "-d"])
    }

    /// Everything acknowledged is there, read through the moved replica as primary.
    pub(super) async fn read_back(&self, chosen: &Chosen, workload: Workload, bulk: Bulk) -> Result<()> {
        self.heading("the moved replica is primary; every acknowledged key is read through it");
        self.show(&["propose", "-g", &chosen.gpid, "--primary", &chosen.node])?;
        let acknowledged = workload.acknowledged();
        workload.finish().await?;
        println!("{acknowledged} keys of the writer: none lost, none stale");
        bulk.check(&self.store).await?;
        println!("{} generated rows: all there", bulk.rows);
        self.check_cities().await?;
        println!("{} cities: all there", cities::COUNT);
        self.show(&["count", "-t", TABLE])?;
        self.show(&["verify", "-t", TABLE])
    }

    async fn check_cities(&self) -> Result<()> {
        let table = self.store.table();
        let checks = stream::iter(cities::rows()?).map(|(country, id, rest)| async move {
            let value = table.get(country.as_bytes(), id.as_bytes()).await?;
            let same = value.as_deref() == Some(rest.as_bytes());
            if same { Ok(()) } else { bail!("city {country} {id} is {value:?}") }
        });
        checks.buffer_unordered(CHECKS_AT_ONCE).try_collect().await
    }

    fn on_disk2(&self, chosen: &Chosen) -> Result<()> {
        let disk = self.ask(&["disk-replica", "-n", &chosen.node, "-d", "disk2"])?;
        let there = list(&disk, "replicas")?.iter().any(|replica| text(replica, "gpid").ok() == Some(&chosen.gpid));
        if there { Ok(()) } else { bail!("{} is not on disk2 of {}", chosen.gpid, chosen.node) }
    }
}

fn describe(report: &Report) -> String {
    let Report { writes, reads, failed, .. } = report;
    format!("{writes} writes and {reads} reads, failed: {failed}")
}
