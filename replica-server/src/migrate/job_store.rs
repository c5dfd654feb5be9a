//! The jobs of a node, one checked file each in `<home>/jobs/`: durable before an id is returned, kept after they end.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::fault::{self, Point};
use common::fs::{create_dir_durable, read_checked, write_checked};
use common::job::{Job, JobOutcome};
use common::types::{Ballot, Decree, Gpid, Incarnation};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use uuid::Uuid;

use super::job_cell::JobCell;
use crate::disk::layout;

const KIND: &str = "job";
const VERSION: u32 = 1;
/// Ended jobs beyond so many are forgotten, oldest first.
const KEPT_MAX: usize = 1000;

/// A job with what only its driver needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct JobRecord {
    /// What operators see.
    pub(super) job: Job,
    /// The primary was asked to drop the replica for the move. From here on the outcome must be known.
    pub(super) leaving: bool,
    /// The table has one replica: what the copy lacks comes from the source disk's own log.
    pub(super) sole: bool,
    /// Last applied decree of the source when it closed.
    pub(super) last: Option<Decree>,
    /// It left: what the new copy is.
    pub(super) left: Option<Left>,
    /// The target cannot take the replica: the origin goes back to the partition. Never taken back.
    #[serde(default)]
    pub(super) restoring: bool,
    /// How it ends; its last duties (hand-back, unlock) remain.
    pub(super) ending: Option<Ending>,
    /// An operator wants it to stop.
    pub(super) cancelled: bool,
}

impl JobRecord {
    const fn new(job: Job) -> Self {
        let (leaving, sole, restoring, cancelled) = (false, false, false, false);
        Self { job, leaving, sole, last: None, left: None, restoring, ending: None, cancelled }
    }
}

/// The configuration change that took the replica out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Left {
    /// Incarnation of the new copy.
    pub(super) incarnation: Incarnation,
    /// Ballot that the change made.
    pub(super) ballot: Ballot,
    /// Unix milliseconds until which the guardian waits.
    pub(super) deadline_ms: u64,
}

/// How a job ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ending {
    pub(super) outcome: JobOutcome,
    pub(super) error: Option<String>,
}

/// All jobs.
#[derive(Debug)]
pub(super) struct JobStore {
    home: PathBuf,
    cells: Mutex<BTreeMap<Uuid, Arc<JobCell>>>,
    changes: watch::Sender<u64>,
}

/// Why a job was not made.
#[derive(Debug, thiserror::Error)]
pub(super) enum CreateError {
    /// The partition has one that has not ended.
    #[error("{0} is migrating")]
    Running(Uuid),
    /// It could not be made durable.
    #[error("the job cannot be stored: {0}")]
    Io(io::Error),
}

impl JobStore {
    /// Reads all jobs. One that cannot be read is reported and left alone.
    ///
    /// # Errors
    /// If the directory cannot be made or read.
    pub(super) fn open(home: &Path) -> io::Result<Self> {
        fs::create_dir_all(home)?;
        create_dir_durable(&layout::jobs_dir(home))?;
        let store = Self { home: home.to_owned(), cells: Mutex::default(), changes: watch::Sender::new(0) };
        for entry in fs::read_dir(layout::jobs_dir(home))?.flatten() {
            if entry.path().extension().is_some() {
                continue; // the temporary file of a write that was cut short
            }
            match read_checked::<JobRecord>(&entry.path(), KIND, VERSION) {
                Ok(record) => _ = store.cells.lock().insert(record.job.id, store.cell(record)),
                Err(error) => tracing::error!(%error, "a job cannot be read"),
            }
        }
        store.forget();
        Ok(store)
    }

    fn cell(&self, record: JobRecord) -> Arc<JobCell> {
        Arc::new(JobCell::new(record, &self.home, self.changes.clone()))
    }

    /// Makes a job durable, unless its partition has one that has not ended.
    pub(super) fn create(&self, job: Job) -> Result<Arc<JobCell>, CreateError> {
        let mut cells = self.cells.lock();
        if let Some(running) = running_of(&cells, job.subject) {
            return Err(CreateError::Running(running.id()));
        }
        let record = JobRecord::new(job);
        store(&self.home, &record).map_err(CreateError::Io)?;
        let cell = self.cell(record);
        cells.insert(cell.id(), Arc::clone(&cell));
        self.changes.send_modify(|version| *version += 1);
        Ok(cell)
    }

    /// The unfinished job of a partition.
    pub(super) fn running(&self, gpid: Gpid) -> Option<Arc<JobCell>> {
        running_of(&self.cells.lock(), gpid)
    }

    /// A job.
    pub(super) fn get(&self, id: Uuid) -> Option<Arc<JobCell>> {
        self.cells.lock().get(&id).cloned()
    }

    /// All jobs, oldest first.
    pub(super) fn all(&self) -> Vec<Arc<JobCell>> {
        let mut all: Vec<_> = self.cells.lock().values().cloned().collect();
        all.sort_by_key(|cell| (cell.job().queued_at_ms, cell.id()));
        all
    }

    /// Counts changes of any job.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn forget(&self) {
        let ended: Vec<_> = self.all().into_iter().filter(|cell| !cell.job().is_running()).collect();
        for cell in ended.iter().take(ended.len().saturating_sub(KEPT_MAX)) {
            self.cells.lock().remove(&cell.id());
            let _ = fs::remove_file(layout::job_file(&self.home, cell.id()));
        }
    }
}

fn running_of(cells: &BTreeMap<Uuid, Arc<JobCell>>, gpid: Gpid) -> Option<Arc<JobCell>> {
    cells.values().find(|cell| cell.job().subject == gpid && cell.job().is_running()).cloned()
}

/// Writes a record, durably.
pub(super) fn store(home: &Path, record: &JobRecord) -> io::Result<()> {
    let path = layout::job_file(home, record.job.id);
    fault::pass(Point::JobWrite, &path)?;
    write_checked(&path, KIND, VERSION, record)
}
