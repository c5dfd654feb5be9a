//! One job as several parts of the process see it: its driver, operators, the heartbeat.

use std::io;
use std::path::{Path, PathBuf};

use common::clock::Clock;
use common::fs::Throttle;
use common::job::Job;
use parking_lot::Mutex;
use replica_state::migrate::can_turn_back;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::job_store::{JobRecord, store};

/// A job.
#[derive(Debug)]
pub(super) struct JobCell {
    id: Uuid,
    home: PathBuf,
    record: Mutex<JobRecord>,
    /// Held while a record is written, so that writes keep their order and readers do not wait for the disk.
    writing: Mutex<()>,
    changes: watch::Sender<u64>,
    pub(super) cancel: CancellationToken,
    pub(super) throttle: Throttle,
}

impl JobCell {
    pub(super) fn new(record: JobRecord, home: &Path, changes: watch::Sender<u64>) -> Self {
        let throttle = Throttle::new(record.job.max_rate_bytes_per_s, Clock::System);
        let (id, cancel) = (record.job.id, CancellationToken::new());
        if record.cancelled {
            cancel.cancel();
        }
        let (home, record, writing) = (home.to_owned(), Mutex::new(record), Mutex::default());
        Self { id, home, record, writing, changes, cancel, throttle }
    }

    pub(super) const fn id(&self) -> Uuid {
        self.id
    }

    pub(super) fn record(&self) -> JobRecord {
        self.record.lock().clone()
    }

    pub(super) fn job(&self) -> Job {
        self.record.lock().job.clone()
    }

    /// Changes the record, durably before it is seen.
    pub(super) fn save(&self, change: impl FnOnce(&mut JobRecord)) -> io::Result<()> {
        let _turn = self.writing.lock();
        let mut next = self.record();
        change(&mut next);
        store(&self.home, &next)?;
        // Progress noted meanwhile is of no matter; what was decided is.
        *self.record.lock() = next;
        self.changed();
        Ok(())
    }

    /// Changes the record in memory: progress, which a crash may take back.
    pub(super) fn note(&self, change: impl FnOnce(&mut JobRecord)) {
        change(&mut self.record.lock());
        self.changed();
    }

    /// Stops it, if it still can turn back. False: too late, or over.
    pub(super) fn cancel(&self) -> io::Result<bool> {
        let mut stopped = false;
        self.save(|record| {
            let running = record.job.is_running() && record.ending.is_none();
            stopped = running && can_turn_back(record.job.state) && !record.leaving;
            record.cancelled |= stopped;
        })?;
        if stopped {
            self.cancel.cancel();
        }
        Ok(stopped)
    }

    fn changed(&self) {
        self.changes.send_modify(|version| *version += 1);
    }
}
