//! The jobs of a node, one checked file each in `<home>/jobs/`: durable before an id is returned, kept after they end.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::fault::{self, Point};
use common::fs::{Throttle, create_dir_durable, read_checked, write_checked};
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
    /// Unix milliseconds when the only replica was told to stop taking writes.
    #[serde(default)]
    pub(super) paused_at_ms: Option<u64>,
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
    /// A job that has not begun.
    pub(super) const fn new(job: Job) -> Self {
        let (leaving, sole, restoring, cancelled) = (false, false, false, false);
        let (paused_at_ms, last, left, ending) = (None, None, None, None);
        Self { job, leaving, sole, paused_at_ms, last, left, restoring, ending, cancelled }
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
    /// What stands behind the limit of each job.
    throttle: Throttle,
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
    pub(super) fn open(home: &Path, throttle: &Throttle) -> io::Result<Self> {
        fs::create_dir_all(home)?;
        create_dir_durable(&layout::jobs_dir(home))?;
        let (home_dir, throttle) = (home.to_owned(), throttle.clone());
        let store = Self { home: home_dir, cells: Mutex::default(), changes: watch::Sender::new(0), throttle };
        for entry in fs::read_dir(layout::jobs_dir(home))?.flatten() {
            if entry.path().extension().is_some() {
                continue; // no job, or the temporary file of a write that was cut short
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
        Arc::new(JobCell::new(record, &self.home, self.changes.clone(), &self.throttle))
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
        drop(cells);
        self.forget();
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

    /// Keeps the list of ended jobs within its bound.
    fn forget(&self) {
        if self.cells.lock().len() <= KEPT_MAX {
            return;
        }
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

#[cfg(test)]
mod tests {
    use common::job::JobState;

    use super::*;

    /// As the first version wrote it: without what came later, in the job and beside it.
    const OLD: &str = r#"{"job":{"id":"00000000-0000-0000-0000-000000000007","kind":"disk","subject":"1.3","node":0,
        "source":"disk1","target":"disk2","state":"LEARNING","outcome":"running",
        "history":[{"state":"IDLE","at_ms":1}],"bytes_total":10,"bytes_done":10,"rate_bytes_per_s":null,
        "max_rate_bytes_per_s":104857600,"retries":0,"demote":true,"was_primary":false,"learn_kind":null,
        "window_ms":null,"queued_at_ms":1,"started_at_ms":1,"updated_at_ms":2,"finished_at_ms":null,
        "last_error":null},"leaving":true,"sole":true,"last":77,
        "left":{"incarnation":4,"ballot":9,"deadline_ms":300000},"ending":null,"cancelled":false}"#;

    fn store_in(home: &Path) -> JobStore {
        JobStore::open(home, &Throttle::unlimited()).unwrap()
    }

    #[test]
    fn the_record_of_an_earlier_version_is_read_and_goes_on() {
        let home = tempfile::tempdir().unwrap();
        let content: serde_json::Value = serde_json::from_str(OLD).unwrap();
        fs::create_dir(layout::jobs_dir(home.path())).unwrap();
        let id = Uuid::from_u128(7);
        write_checked(&layout::job_file(home.path(), id), KIND, 1, &content).unwrap();
        let record = store_in(home.path()).get(id).unwrap().record();
        assert_eq!((record.job.state, record.job.is_running()), (JobState::Learning, true));
        assert_eq!((record.last, record.left.map(|left| left.ballot)), (Some(Decree(77)), Some(Ballot(9))));
        assert_eq!((record.paused_at_ms, record.job.purge_origin), (None, false));
    }

    #[test]
    fn ended_jobs_are_forgotten_oldest_first_beyond_their_bound_and_others_never() {
        let home = tempfile::tempdir().unwrap();
        let store = store_in(home.path());
        let content: serde_json::Value = serde_json::from_str(OLD).unwrap();
        let old: JobRecord = serde_json::from_value(content).unwrap();
        let make = |n: u64, ended: bool| {
            let mut record = old.clone();
            (record.job.id, record.job.queued_at_ms) = (Uuid::from_u128(u128::from(n)), n);
            if ended {
                record.job.finish(JobOutcome::Cancelled, None, n);
            }
            store.cells.lock().insert(record.job.id, store.cell(record));
        };
        make(0, false);
        (1..=KEPT_MAX as u64 + 5).for_each(|n| make(n, true));
        store.forget();
        let kept: Vec<u64> = store.all().iter().map(|cell| cell.job().queued_at_ms).collect();
        assert_eq!(kept.first(), Some(&0), "it still runs");
        assert_eq!((kept.get(1), kept.len()), (Some(&6), KEPT_MAX + 1));
    }
}
