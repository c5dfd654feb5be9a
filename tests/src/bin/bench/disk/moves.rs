//! Moves of a replica there and back, and what is checked after each.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use common::fs::remove_dir_gently;
use common::job::{Job, JobOutcome, JobState};
use common::rpc::node_admin::DiskMigrate;
use common::types::{Gpid, PeerId};
use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

use super::ground::{Ground, Loaded};
use super::load::Load;

const MOVE_WITHIN: Duration = Duration::from_secs(300);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A secondary: on which node, on which of two disks.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) gpid: Gpid,
    pub(crate) node: usize,
    pub(crate) peer: PeerId,
    pub(crate) disk: usize,
}

impl Ground {
    /// Where the first secondary of a table is.
    ///
    /// # Errors
    /// There is none.
    pub(crate) async fn secondary(&self, loaded: &Loaded) -> Result<Place> {
        self.cluster.healthy(&loaded.table).await?;
        let config = self.cluster.config(&loaded.table, loaded.gpid).await?;
        let peer = config.secondaries.first().context("no secondary")?.peer;
        let node = self.cluster.index_of(peer).await?;
        let live = tests::disks::live(loaded.gpid);
        let holds = |(_, disk): &(String, PathBuf)| disk.join(&live).is_dir();
        let disk = self.cluster.node(node)?.disks.iter().position(holds).context("on no disk")?;
        Ok(Place { gpid: loaded.gpid, node, peer, disk })
    }

    /// Its live directory.
    ///
    /// # Errors
    /// There is no such disk.
    pub(crate) fn dir(&self, place: &Place) -> Result<PathBuf> {
        Ok(self.disk(place.node, place.disk)?.1.join(tests::disks::live(place.gpid)))
    }

    fn disk(&self, node: usize, disk: usize) -> Result<&(String, PathBuf)> {
        self.cluster.node(node)?.disks.get(disk).context("no such disk")
    }

    /// Begins a move to the node's other disk. 0: no limit.
    ///
    /// # Errors
    /// It is refused.
    pub(crate) async fn begin(&self, place: &Place, max_rate: u64) -> Result<Uuid> {
        let (source, target) = (self.disk(place.node, place.disk)?, self.disk(place.node, 1 - place.disk)?);
        let request = DiskMigrate {
            gpid: place.gpid,
            source: source.0.clone(),
            target: target.0.clone(),
            demote: true,
            max_rate_bytes_per_s: Some(max_rate),
            purge_origin: false,
        };
        Ok(self.cluster.node(place.node)?.disk_migrate(request).await?.id)
    }

    /// Waits until a job has reached a state, or is over.
    ///
    /// # Errors
    /// Not in time.
    pub(crate) async fn reached(&self, place: &Place, id: Uuid, state: JobState) -> Result<Job> {
        let deadline = Instant::now() + MOVE_WITHIN;
        loop {
            let jobs = self.cluster.node(place.node)?.jobs().await?;
            let job = jobs.into_iter().find(|job| job.id == id).context("the job is unknown")?;
            if job.state >= state || !job.is_running() {
                return Ok(job);
            }
            if Instant::now() > deadline {
                bail!("the move takes too long: {job:?}");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits for the end of a move and checks it: completed, on the other disk; then the moved replica is made primary
    /// and every acknowledged key is read through it. What the move left behind is removed, so that disks do not fill.
    ///
    /// # Errors
    /// It failed, or something is missing.
    pub(crate) async fn ended(&self, loaded: &Loaded, place: &mut Place, id: Uuid, load: Option<&Load>) -> Result<Job> {
        let mut job = self.reached(place, id, JobState::Completed).await?;
        while job.is_running() {
            tokio::time::sleep(LOOK_EVERY).await;
            job = self.reached(place, id, JobState::Completed).await?;
        }
        if job.outcome != JobOutcome::Completed {
            bail!("the move failed: {:?}", job.last_error);
        }
        let origin = self.disk(place.node, place.disk)?.1.join(tests::disks::origin(place.gpid));
        place.disk = 1 - place.disk;
        if !self.dir(place)?.is_dir() {
            bail!("{} does not lie where it was moved to", place.gpid);
        }
        self.read_through(loaded, place, load).await?;
        remove_leftovers(&origin)?;
        Ok(job)
    }

    async fn read_through(&self, loaded: &Loaded, place: &Place, load: Option<&Load>) -> Result<()> {
        let config = self.cluster.healthy(&loaded.table).await?;
        let before = config.configs.first().and_then(|config| config.primary).context("no primary")?.peer;
        self.cluster.propose(&loaded.table, place.gpid, place.peer).await?;
        if let Some(load) = load {
            load.check().await?;
        }
        let step = loaded.bulk.rows.div_ceil(2000).max(1);
        for row in (0..loaded.bulk.rows).step_by(usize::try_from(step)?) {
            loaded.bulk.read(&loaded.store, row).await?;
        }
        self.cluster.healthy(&loaded.table).await?;
        if before != place.peer {
            self.cluster.propose(&loaded.table, place.gpid, before).await?;
            self.cluster.healthy(&loaded.table).await?;
        }
        Ok(())
    }

    /// What a node said of a job in its log, by message.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn said(&self, place: &Place, id: Uuid, message: &str) -> Result<Vec<Value>> {
        let log = self.cluster.node(place.node)?.process.log()?;
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let id = id.to_string();
        let text = |line: &Value, name: &str, expected: &str| line.get(name).and_then(Value::as_str) == Some(expected);
        Ok(lines.filter(|line| text(line, "message", message) && text(line, "job", &id)).collect())
    }
}

/// Milliseconds from one state of a job to another.
pub(crate) fn between(job: &Job, from: JobState, to: JobState) -> Option<u64> {
    let at = |state| job.history.iter().rev().find(|step| step.state == state).map(|step| step.at_ms);
    Some(at(to)?.saturating_sub(at(from)?))
}

/// Removes what was set aside of a replica, so that disks do not fill.
///
/// # Errors
/// It cannot be removed.
pub(crate) fn remove_leftovers(origin: &Path) -> Result<()> {
    let (disk, name) = (origin.parent().context("no disk")?, origin.file_name().context("no name")?);
    let gpid = name.to_string_lossy().split('.').take(2).collect::<Vec<_>>().join(".");
    for entry in std::fs::read_dir(disk)? {
        let entry = entry?;
        let text = entry.file_name().to_string_lossy().into_owned();
        let is_left = text.starts_with(&format!("{gpid}.")) && (entry.file_name() == name || text.contains(".gar."));
        if is_left {
            // As the servers do it: to free it as a whole holds up everybody's fsync on a disk that is told of it.
            remove_dir_gently(&entry.path())?;
        }
    }
    Ok(())
}
