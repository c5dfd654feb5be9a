//! A replica moves from node to node while its table is written and read, and whatever may get into its way.

mod meta_crash;
mod moves;
mod refused;
mod room;
mod trouble;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use common::procedure::{MigrateRegion, ProcedureInfo, ProcedureState};
use common::rpc::WireResult;
use common::types::{Gpid, PeerId};
use tests::cluster::{Cluster, Options};
use tests::workload::{self, Bulk, Report, Workload};
use tests::{disks, wait};
use uuid::Uuid;

use crate::support::{PROCEDURE_WITHIN as ENDS_WITHIN, TABLE, procedure_when, same_everywhere, store};

const GPID: Gpid = Gpid { table_id: common::types::TableId(1), partition_index: 0 };
/// More than any log or cache of these clusters holds, so that a new copy learns a checkpoint.
const BULK: Bulk = Bulk { rows: 16_384, value_bytes: 1024 };

/// Four nodes, a table of one partition and three replicas, filled, written and read.
struct Ground {
    cluster: Cluster,
    workload: Workload,
}

impl Ground {
    async fn new() -> Result<Self> {
        Self::with(Vec::new()).await
    }

    /// With these settings of the nodes besides.
    async fn with(settings: Vec<(&'static str, String)>) -> Result<Self> {
        let short = [
            ("replication.cache_bytes", "64KiB"),
            ("log.segment", "4MiB"),
            ("log.held_max", "6MiB"),
            ("log.keep", "1s"),
        ];
        let mut options = Options { nodes: 4, ..Options::patient() };
        options.settings.extend(settings);
        options.settings.extend(short.map(|(key, value)| (key, value.to_owned())));
        let cluster = Cluster::start_with(options).await?;
        cluster.create(TABLE, 1, 3).await?;
        BULK.write(&store(&cluster)).await?;
        shortened(&cluster).await?;
        let workload = Workload::start(store(&cluster), workload::Options::default());
        workload.progress(1000, Duration::from_secs(30)).await?;
        Ok(Self { cluster, workload })
    }

    /// From the primary or from a secondary, to the node that holds nothing.
    async fn request(&self, leads: bool) -> Result<MigrateRegion> {
        let config = self.cluster.config(TABLE, GPID).await?;
        let member = if leads { config.primary } else { config.secondaries.first().copied() };
        let to = (0..4).map(PeerId).find(|peer| config.copy_on(*peer).is_none()).context("every node holds a copy")?;
        let from = member.context("no such member")?.peer;
        Ok(MigrateRegion { gpid: GPID, from, to, replay_timeout_ms: 120_000 })
    }

    async fn migrate(&self, request: MigrateRegion) -> WireResult<ProcedureInfo> {
        self.cluster.ask(async move |meta, deadline| meta.migrate_region(deadline, request).await).await
    }

    /// Waits until the procedure is as wanted. The meta server may be away meanwhile.
    async fn when(&self, id: Uuid, what: &str, is: impl Fn(&ProcedureInfo) -> bool) -> Result<ProcedureInfo> {
        procedure_when(&self.cluster, id, what, is).await
    }

    async fn ended(&self, id: Uuid) -> Result<ProcedureInfo> {
        self.when(id, "the end of the procedure", |info| info.state.has_ended()).await
    }

    /// To its end, which is as it should be.
    async fn moved(&self, request: MigrateRegion) -> Result<ProcedureInfo> {
        let id = self.migrate(request).await?.id;
        let info = self.ended(id).await?;
        assert_eq!((info.state, info.error.as_ref()), (ProcedureState::Completed, None), "{info:?}");
        Ok(info)
    }

    fn live_on(&self, peer: PeerId) -> Result<Vec<String>> {
        Ok(disks::holding(self.cluster.node(index(peer))?, &disks::live(GPID)))
    }

    /// What the request wanted has come about, and nothing of the replica is left where it was but what was set aside.
    async fn arrived(&self, request: &MigrateRegion) -> Result<()> {
        wait::until("the new members", ENDS_WITHIN, async || {
            let config = self.cluster.config(TABLE, GPID).await?;
            let there = config.is_member(request.to) && config.copy_on(request.from).is_none();
            let whole = config.is_healthy() && config.learners.is_empty();
            wait::holds(there && whole, || format!("{config:?}"))
        })
        .await?;
        assert_eq!(self.live_on(request.to)?.len(), 1, "on one disk of the target");
        self.set_aside_on(request.from).await
    }

    /// The node has no live directory, and one that was set aside.
    async fn set_aside_on(&self, peer: PeerId) -> Result<()> {
        wait::until("the directory to be set aside", ENDS_WITHIN, async || {
            let live = self.live_on(peer)?;
            wait::holds(live.is_empty(), || format!("it is live on {live:?}"))?;
            let aside = names(&self.cluster, peer)?.into_iter().any(|name| name.starts_with("1.0.pegasus.gar."));
            wait::holds(aside, || "nothing was set aside".to_owned())
        })
        .await
    }

    /// The node's replica leads and returns every acknowledged key, and all members are equal.
    async fn whole(self, peer: PeerId) -> Result<Report> {
        self.cluster.healthy(TABLE).await?;
        if self.cluster.config(TABLE, GPID).await?.primary.map(|primary| primary.peer) != Some(peer) {
            self.cluster.propose(TABLE, GPID, peer).await?;
        }
        let report = self.workload.finish().await?;
        BULK.check(&store(&self.cluster)).await?;
        same_everywhere(&self.cluster).await?;
        Ok(report)
    }
}

/// Waits until no log goes back to the first write.
async fn shortened(cluster: &Cluster) -> Result<()> {
    let bytes = |path: &Path| -> Result<u64> {
        let entries = std::fs::read_dir(path.join("log"))?;
        let segments = entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with("log."));
        // They come and go meanwhile.
        Ok(segments.filter_map(|entry| Some(entry.metadata().ok()?.len())).sum())
    };
    wait::until("short logs", ENDS_WITHIN, async || {
        for server in &cluster.nodes {
            for (_, path) in &server.disks {
                let held = bytes(path)?;
                wait::holds(held < BULK.rows * BULK.value_bytes as u64, || {
                    format!("{held} bytes in {}", path.display())
                })?;
            }
        }
        Ok(())
    })
    .await
}

/// Nodes register one after the other.
fn index(peer: PeerId) -> usize {
    usize::try_from(peer.0).unwrap_or(usize::MAX)
}

/// What lies on the disks of a node.
fn names(cluster: &Cluster, peer: PeerId) -> Result<Vec<String>> {
    let of_disk = |path: &Path| -> Result<Vec<String>> {
        let entries = std::fs::read_dir(path)?;
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    };
    let disks = &cluster.node(index(peer))?.disks;
    Ok(disks.iter().map(|(_, path)| of_disk(path)).collect::<Result<Vec<_>>>()?.concat())
}
