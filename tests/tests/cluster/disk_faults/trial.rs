//! A loaded cluster in which one replica's move is disturbed, and what must hold afterwards.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use common::job::{Job, JobOutcome, JobState};
use common::rpc::ErrorCode;
use common::rpc::garbage::GcRequest;
use common::rpc::node_admin::DiskMigrate;
use tests::cluster::{Cluster, Options};
use tests::workload::{self, Bulk, Workload};
use tests::{disks, wait};
use uuid::Uuid;

use crate::support::{Place, TABLE, ended, logs_hold_less, on_node, same_everywhere, store};

/// Every restart, take-over and learn ends within this.
pub(super) const WITHIN: Duration = Duration::from_secs(90);
/// The node on which replicas move.
const NODE: usize = 0;
/// Rows beside those of the workload, so that there is something to copy.
const ROWS: Bulk = Bulk { rows: 12_000, value_bytes: 1000 };

/// What the logs of the other nodes may hold in all once they are short again: less than the rows.
const OUTRUN_BYTES: f64 = 9e6;

/// A cluster under a paced workload.
pub(super) struct Trial {
    pub(super) cluster: Cluster,
    pub(super) workload: Workload,
    /// The replica that moves.
    pub(super) place: Place,
}

impl Trial {
    /// Three nodes with two disks each.
    pub(super) async fn start() -> Result<Self> {
        Self::start_with(Options::default()).await
    }

    /// One node with two disks, and tables of one replica.
    pub(super) async fn start_alone() -> Result<Self> {
        Self::start_as(Options { nodes: 1, ..Options::default() }, 1).await
    }

    /// Three replicas, as the options say.
    pub(super) async fn start_with(options: Options) -> Result<Self> {
        Self::start_as(options, 3).await
    }

    /// With logs so short that who was away for long learns a checkpoint.
    async fn start_as(mut options: Options, replicas: u32) -> Result<Self> {
        let short = [
            ("replication.cache_bytes", "64KiB"),
            ("log.segment", "1MiB"),
            ("log.held_max", "2MiB"),
            ("log.keep", "1s"),
        ];
        options.settings.extend(short.map(|(key, value)| (key, value.to_owned())));
        let cluster = Cluster::start_with(options).await?;
        cluster.create(TABLE, 2, replicas).await?;
        ROWS.write(&store(&cluster)).await?;
        let pace = Duration::from_millis(2);
        let load = workload::Options { writers: 2, readers: 2, keys: 1000, value_bytes: 500, pause: pace };
        let workload = Workload::start(store(&cluster), load);
        workload.progress(200, WITHIN).await?;
        // On a busy machine a member may just have been dropped, and is then without a copy until it is taken back.
        cluster.healthy(TABLE).await?;
        let place = on_node(&cluster, NODE).await?;
        Ok(Self { cluster, workload, place })
    }

    /// Restarts the node with a fault armed, or with none, and waits until all is well.
    pub(super) async fn arm(&mut self, fault: Option<&str>) -> Result<()> {
        self.cluster.node_mut(NODE)?.process.stop(WITHIN).await?;
        self.start_node(fault)?;
        self.ready().await
    }

    /// Starts the node.
    pub(super) fn start_node(&mut self, fault: Option<&str>) -> Result<()> {
        let process = &mut self.cluster.node_mut(NODE)?.process;
        match fault {
            Some(fault) => process.start_with(&["--enable-fault-injection"], &[("GODWIT_FAULT", fault)]),
            None => process.start(),
        }
    }

    /// Waits until all members are there, and looks on which disk the replica is.
    pub(super) async fn ready(&mut self) -> Result<()> {
        self.cluster.healthy(TABLE).await?;
        self.find()
    }

    /// One look at what [`Trial::ready`] waits for.
    pub(super) async fn is_ready(&mut self) -> Result<()> {
        self.cluster.is_healthy(TABLE).await?;
        self.find()
    }

    fn find(&mut self) -> Result<()> {
        let on = disks::holding(self.cluster.node(NODE)?, &disks::live(self.place.gpid));
        let [disk] = on.as_slice() else { bail!("{} is live on {on:?}", self.place.gpid) };
        self.place.disk.clone_from(disk);
        Ok(())
    }

    /// Begins the move to the other disk.
    pub(super) async fn begin(&self) -> Result<Job> {
        self.begin_as(self.place.request()).await
    }

    /// Begins a move, as soon as there is a copy to be moved.
    pub(super) async fn begin_as(&self, request: DiskMigrate) -> Result<Job> {
        let answered = wait::until("the replica", WITHIN, async || {
            match self.cluster.node(NODE)?.disk_migrate(request.clone()).await {
                Err(error) if error.code == ErrorCode::UnknownReplica => Err(error.into()),
                answer => Ok(answer),
            }
        });
        Ok(answered.await??)
    }

    /// The job as it stands.
    pub(super) async fn job(&self, id: Uuid) -> Result<Job> {
        let jobs = self.cluster.node(NODE)?.jobs().await?;
        jobs.into_iter().find(|job| job.id == id).context("the job is unknown")
    }

    /// Waits until the job is in that state.
    pub(super) async fn reaches(&self, id: Uuid, state: JobState) -> Result<()> {
        wait::until("the state of the job", WITHIN, async || {
            let job = self.job(id).await?;
            wait::holds(job.state == state, || format!("{job:?}"))
        })
        .await
    }

    /// Whether the point has acted since the log was so long.
    pub(super) fn acted(&self, point: &str, since: usize) -> Result<bool> {
        let log = self.cluster.node(NODE)?.process.log()?;
        let news = log.get(since..).unwrap_or_default();
        Ok(news.lines().any(|line| line.contains("fault point acts") && line.contains(&format!("\"{point}\""))))
    }

    /// Length of the node's log.
    pub(super) fn log_length(&self) -> Result<usize> {
        Ok(self.cluster.node(NODE)?.process.log()?.len())
    }

    /// What must hold after every trial: the job is over and says how; the replica is healthy on exactly one disk, is made
    /// primary and read through; all members are equal; after garbage collection no other directory is left.
    pub(super) async fn whole(&mut self, job: Option<Uuid>) -> Result<Option<Job>> {
        let job = match job {
            Some(id) => Some(ended(&self.cluster, NODE, id).await?),
            None => None,
        };
        job.as_ref().map_or(Ok(()), tells)?;
        self.ready().await?;
        self.read_through().await?;
        self.nothing_left().await?;
        Ok(job)
    }

    /// The moved replica is made primary, and every acknowledged key is read through it.
    async fn read_through(&self) -> Result<()> {
        // Another member may just be dropped or taken back, so the wish is said again until it is granted.
        wait::until("the moved replica as primary", WITHIN, async || {
            let route = self.cluster.is_healthy(TABLE).await?;
            let config = route.configs.iter().find(|config| config.gpid == self.place.gpid).context("no partition")?;
            if config.primary.is_some_and(|primary| primary.peer == self.place.peer) {
                return Ok(());
            }
            self.cluster.propose(TABLE, self.place.gpid, self.place.peer).await
        })
        .await?;
        let _quiet = self.workload.quiet().await;
        self.cluster.healthy(TABLE).await?;
        self.workload.check().await?;
        same_everywhere(&self.cluster).await
    }

    async fn nothing_left(&self) -> Result<()> {
        wait::until("the end of all garbage", WITHIN, async || {
            let server = self.cluster.node(NODE)?;
            let request = GcRequest { remove: true, ..GcRequest::default() };
            let kept = server.ask(async |node, deadline| node.disk_gc(deadline, request).await).await?;
            let left = self.beside_live()?;
            wait::holds(left.is_empty(), || format!("{left:?}: {kept:?}"))
        })
        .await
    }

    /// Directories of the partition that are not live ones.
    fn beside_live(&self) -> Result<Vec<String>> {
        let mut left = Vec::new();
        for (_, path) in &self.cluster.node(NODE)?.disks {
            for entry in std::fs::read_dir(path)?.flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                let own = name.starts_with(&disks::live(self.place.gpid));
                if own && name != disks::live(self.place.gpid) {
                    left.push(entry.path().display().to_string());
                }
            }
        }
        Ok(left)
    }

    /// The end of the last trial: what was written beside the workload is there too.
    pub(super) async fn finish(self) -> Result<()> {
        let store = store(&self.cluster);
        self.workload.finish().await?;
        ROWS.check(&store).await
    }
}

/// A job that is over says how.
fn tells(job: &Job) -> Result<()> {
    let told = match job.outcome {
        JobOutcome::Completed => job.state == JobState::Completed && job.window_ms.is_some(),
        JobOutcome::Failed => job.state == JobState::Idle && job.last_error.is_some(),
        JobOutcome::Cancelled => job.state == JobState::Idle,
        JobOutcome::Running => false,
    };
    if told { Ok(()) } else { bail!("the job does not tell what happened: {job:?}") }
}

/// Writes much again.
pub(super) async fn write_much(cluster: &Cluster) -> Result<()> {
    ROWS.write(&store(cluster)).await
}

/// Writes so much while a node is away that no log reaches back to what it lacks.
pub(super) async fn outrun_the_log(cluster: &Cluster) -> Result<()> {
    write_much(cluster).await?;
    logs_hold_less(cluster, (0..cluster.nodes.len()).filter(|node| *node != NODE), OUTRUN_BYTES).await
}
